-- Removes sessions that are not a user's from the set of theirs.
-- KEYS  the set                ARGV  for each of them its id, and the score it had: if it has another one, somebody has
--                                    written it since
for place = 1, #ARGV - 1, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[place]) == ARGV[place + 1] then
    redis.call('ZREM', KEYS[1], ARGV[place])
  end
end
return 0
