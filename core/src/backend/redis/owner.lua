-- Who alone uses the store.
-- KEYS  the record                ARGV  what it becomes if there is none, or nothing
-- Answers the record, or nil.
if ARGV[1] ~= '' then
  redis.call('SET', KEYS[1], ARGV[1], 'NX')
end
return redis.call('GET', KEYS[1])
