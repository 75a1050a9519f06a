-- Takes the lease of a session and looks at it. Its payload is for a GET right behind this script, which is sent along
-- with it: Redis's Lua hashes every byte of a string that it makes, which for 64 KiB takes a third of a request.
-- KEYS  the session; its lock; the mark that somebody waits for it
-- ARGV  the token, or nothing to take no lease; the life of a lease in ms; "1" to leave a missing session unlocked;
--       the ms after which a lock that never ends is to end, or nothing to leave it
-- Answers {0}: there is no such session. {1, end, left}: its end by the server's clock in ms (-2: this server cannot
-- tell), and how many ms are left until then (-1: it has no end). {2, holder}: somebody else has the lock.
local session, lock, wait = KEYS[1], KEYS[2], KEYS[3]
local token = ARGV[1]

local left = redis.call('PTTL', session)
if left == -2 and ARGV[3] == '1' then
  return {0}
end
if token ~= '' and not redis.call('SET', lock, token, 'NX', 'PX', ARGV[2]) then
  local holder = redis.call('GET', lock)
  -- `rustdb:` and 16 digits say which machine's it is. One of ours is of a request that died: only one at a time has the
  -- host lock of a session.
  if holder ~= token and string.sub(holder, 1, 23) == string.sub(token, 1, 23) then
    redis.call('SET', lock, token, 'PX', ARGV[2])
  elseif holder ~= token then
    if ARGV[4] ~= '' and redis.call('PTTL', lock) == -1 then
      redis.call('PEXPIRE', lock, ARGV[4])
    end
    redis.call('SET', wait, '1', 'PX', 2000)
    return {2, holder}
  else
    -- The answer to an earlier call of ours was lost.
    redis.call('PEXPIRE', lock, ARGV[2])
  end
end
if left == -2 then
  return {0}
end
-- Redis has PEXPIRETIME since version 7.
local ends = redis.pcall('PEXPIRETIME', session)
return {1, type(ends) == 'number' and ends or -2, left}
