-- Changes a session and lets go of its lease.
-- KEYS  the session; its lock; its tombstone; the mark that somebody waits for it; the list on which those sleep
-- ARGV  the token, or nothing if there is no lease; "none", "touch", "write", "insert" or "destroy"; "1" if it existed
--       at begin; its end in ms by the machine's clock; the ms left until then; the ms a tombstone stays; the payload;
--       "1" if this call may have been carried out before
-- Answers 0: done. 1: there is nothing to touch; the lease is kept. 2: it was destroyed. 3: somebody else has the lock.
-- 4: it exists, though it was to be new. 5: nobody has the lock. After 1 to 5 nothing was changed.
local session, lock, gone, wait, next = unpack(KEYS)
local token, change, existed = ARGV[1], ARGV[2], ARGV[3] == '1'
local ends, left, payload = ARGV[4], ARGV[5], ARGV[7]

local function release()
  if token == '' then
    return
  end
  redis.call('DEL', lock)
  if redis.call('EXISTS', wait) == 1 then
    -- One is woken; the list never holds more than one invitation, and none for long.
    redis.call('DEL', next)
    redis.call('RPUSH', next, '1')
    redis.call('PEXPIRE', next, 1000)
  end
end

-- The life of a session is first set by what is left of it, so that a machine whose clock is wrong ends no session
-- early; where the clocks agree within 5 s, its end then becomes exact to the second.
local function settle()
  local there = redis.pcall('PEXPIRETIME', session)
  if type(there) == 'number' and math.abs(there - tonumber(ends)) <= 5000 then
    redis.call('PEXPIREAT', session, ends)
  end
end

if token ~= '' then
  local holder = redis.call('GET', lock)
  if not holder then
    return 5
  elseif holder ~= token then
    -- If this is what an earlier call has done, somebody has merely come after it.
    if ARGV[8] == '1' and change == 'write' and redis.call('GET', session) == payload then
      return 0
    end
    return 3
  end
end

if change == 'touch' then
  if redis.call('PEXPIRE', session, left) == 0 then
    if redis.call('EXISTS', gone) == 0 then
      return 1
    end
    release()
    return 2
  end
  settle()
elseif change == 'destroy' then
  redis.call('DEL', session)
  redis.call('SET', gone, '1', 'PX', ARGV[6])
elseif change ~= 'none' then
  if existed and redis.call('EXISTS', session) == 0 and redis.call('EXISTS', gone) == 1 then
    release()
    return 2
  end
  local reply
  if change == 'insert' then
    reply = redis.pcall('SET', session, payload, 'NX', 'PX', left)
  else
    reply = redis.pcall('SET', session, payload, 'PX', left)
  end
  if not reply then
    if ARGV[8] ~= '1' or redis.call('GET', session) ~= payload then
      release()
      return 4
    end
  elseif reply.err then
    -- Out of memory, for example. Nothing was written, and the next request need not wait for the lease to end.
    release()
    return reply
  end
  settle()
  if not existed then
    redis.call('DEL', gone)
  end
end
release()
return 0
