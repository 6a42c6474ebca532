#!lua flags=no-writes
-- include: turn, places
-- ended_offers: uploads of which nothing can arrive any more, and whether each lasts without a task. Changes nothing.
-- given: limit

local now, given = clock_ms(), arguments()
local ended = {}
for i, key in ipairs(redis.call('ZRANGE', 'orch:offers', '-inf', now, 'BYSCORE', 'LIMIT', 0, given.limit)) do
  ended[i] = {key, redis.call('ZSCORE', 'orch:uploads', key) and 1 or 0}
end
return ended
