-- Makes a session that must not exist, and takes its lease.
-- KEYS  the session; its lock; its tombstone
-- ARGV  the token; the life of a lease in ms; its end in ms by the machine's clock; the ms left until then; the payload
-- Answers 1. Or 0: there is such a session, or somebody has its lock, and nothing was changed.
local session, lock, gone = unpack(KEYS)
local token, life, ends, left, payload = unpack(ARGV)

if redis.call('GET', lock) == token then
  -- The answer to an earlier call of ours was lost.
  redis.call('PEXPIRE', lock, life)
  return 1
end
if redis.call('EXISTS', session) == 1 or not redis.call('SET', lock, token, 'NX', 'PX', life) then
  return 0
end
local reply = redis.pcall('SET', session, payload, 'PX', left)
if reply.err then
  redis.call('DEL', lock)
  return reply
end
-- As in commit.lua.
local there = redis.pcall('PEXPIRETIME', session)
if type(there) == 'number' and math.abs(there - tonumber(ends)) <= 5000 then
  redis.call('PEXPIREAT', session, ends)
end
redis.call('DEL', gone)
return 1
