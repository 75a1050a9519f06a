-- Writes and removes sessions without leases, all in one step.
-- KEYS  the sessions
-- ARGV  for each of them its end in ms by the machine's clock, the ms left until then (nothing: it is removed), and its
--       payload
for place, session in ipairs(KEYS) do
  local ends, left, payload = ARGV[place * 3 - 2], ARGV[place * 3 - 1], ARGV[place * 3]
  if left == '' then
    redis.call('DEL', session)
  else
    redis.call('SET', session, payload, 'PX', left)
    -- As in commit.lua.
    local there = redis.pcall('PEXPIRETIME', session)
    if type(there) == 'number' and math.abs(there - tonumber(ends)) <= 5000 then
      redis.call('PEXPIREAT', session, ends)
    end
  end
end
return 0
