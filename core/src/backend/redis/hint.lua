-- Notes whose sessions they are.
-- KEYS  for each of them the set of its user: ids, each with the end of its session in ms
-- ARGV  for each of them its id, its end in ms by the machine's clock, and the ms left until then
for place, set in ipairs(KEYS) do
  local id, ends, left = ARGV[place * 3 - 2], tonumber(ARGV[place * 3 - 1]), tonumber(ARGV[place * 3])
  redis.call('ZADD', set, ends, id)
  -- What the server's clock says, without TIME, which users of few rights may lack; the end is as in commit.lua.
  redis.call('PEXPIRE', set, left)
  local there = redis.pcall('PEXPIRETIME', set)
  if type(there) ~= 'number' then
    there = ends
  elseif math.abs(there - ends) > 5000 then
    redis.call('ZADD', set, there, id)
  end
  redis.call('ZREMRANGEBYSCORE', set, '-inf', there - left)
  -- The set ends with the last of its sessions.
  local last = redis.call('ZREVRANGE', set, 0, 0, 'WITHSCORES')[2]
  if last then
    redis.call('PEXPIREAT', set, last)
  end
end
return 0
