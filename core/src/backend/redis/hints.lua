-- Tells which sessions may be a user's, those that end last first.
-- KEYS  the set of the user                ARGV  the first and the last that are wanted, counted from 0
-- Answers each id, and behind it its score.
return redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES')
