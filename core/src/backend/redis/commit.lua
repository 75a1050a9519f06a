-- Changes a session and lets go of its lease. Without functions of its own: at 1 KiB making them at every call is a
-- twentieth of what this script takes.
-- KEYS  the session; its lock; its tombstone; the mark that somebody waits for it; the list on which those sleep; perhaps
--       a key that has the payload
-- ARGV  the token, or nothing if there is no lease; "none", "touch", "write", "insert" or "destroy"; "1" if it existed
--       at begin; its end in ms by the machine's clock; the ms left until then; the ms a tombstone stays; the payload,
--       unless a key has it; "1" if this call may have been carried out before
-- Answers 0: done. 1: there is nothing to touch; the lease is kept. 2: it was destroyed. 3: somebody else has the lock.
-- 4: it exists, though it was to be new. 5: nobody has the lock. 6: no key has the payload; the lease is kept. After 1
-- to 6 nothing was changed.
local session, lock, gone, wait, next, staged = unpack(KEYS)
local token, change, existed = ARGV[1], ARGV[2], ARGV[3] == '1'
local ends, left, again = ARGV[4], ARGV[5], ARGV[8] == '1'
local call = redis.call
local answer = 0

if token ~= '' then
  local holder = call('GET', lock)
  if holder ~= token then
    answer = holder and 3 or 5
    -- If this is what an earlier call has done, somebody has merely come after it.
    if holder and again and change == 'write' then
      local wanted = ARGV[7]
      if staged then
        -- Nothing is equal to what did not arrive, nor is what is missing.
        wanted = call('GET', staged) or nil
      end
      if call('GET', session) == wanted then
        answer = 0
      end
    end
    if staged then
      call('DEL', staged)
    end
    return answer
  end
end

if change == 'touch' then
  if call('PEXPIRE', session, left) == 0 then
    if call('EXISTS', gone) == 0 then
      return 1
    end
    answer = 2
  end
elseif change == 'destroy' then
  call('DEL', session)
  call('SET', gone, '1', 'PX', ARGV[6])
elseif change ~= 'none' then
  if staged and call('PEXPIRE', staged, left) == 0 then
    return 6
  end
  local written
  local insert = change == 'insert'
  -- Most likely it is there, or is not, as at begin. What is inserted and existed was brought over from elsewhere, without
  -- a lock: it is not to be here yet, nor to have ended here since.
  for _, condition in ipairs(existed and not insert and {'XX', 'NX'} or {'NX', 'XX'}) do
    if insert and existed and call('EXISTS', session) == 0 and call('EXISTS', gone) == 1 then
      answer = 2
      break
    end
    if not staged then
      written = redis.pcall('SET', session, ARGV[7], 'PX', left, condition)
    elseif (call('EXISTS', session) == 1) == (condition == 'XX') then
      written = call('RENAME', staged, session)
    end
    if written or insert then
      break
    elseif existed and call('EXISTS', gone) == 1 then
      answer = 2
      break
    end
  end
  if not written then
    if answer == 0 and not (again and call('GET', session) == (staged and call('GET', staged) or ARGV[7])) then
      answer = 4
    end
    if staged then
      call('DEL', staged)
    end
  elseif written.err then
    -- Out of memory, for example. Nothing was written, and the next request need not wait for the lease to end.
    answer = written
  end
  if answer == 0 and not existed then
    call('DEL', gone)
  end
end

-- The life of a session is first set by what is left of it, so that a machine whose clock is wrong ends no session
-- early; where the clocks agree within 5 s, its end then becomes exact to the second. To ask for the TIME before, and
-- set it only once, takes as long.
if answer == 0 and change ~= 'none' and change ~= 'destroy' then
  local there = redis.pcall('PEXPIRETIME', session)
  if type(there) == 'number' and math.abs(there - tonumber(ends)) <= 5000 then
    call('PEXPIREAT', session, ends)
  end
end

if token ~= '' then
  call('DEL', lock)
  if call('EXISTS', wait) == 1 then
    -- One is woken; the list never holds more than one invitation, and none for long.
    call('DEL', next)
    call('RPUSH', next, '1')
    call('PEXPIRE', next, 1000)
  end
end
return answer
