#!lua flags=allow-oom
-- include: turn, places, pools, stored, uploads, audit_rules, audit_walk, audit_deliveries, audit_models
-- audit: one step of the walk, mending as it goes. Where it stands is kept here, so that any keeper goes on from there.
-- given: limit, lease_ms, schema

local now, given = clock_ms(), arguments()
mending = true
local is_round, state = walk(redis.call('GET', 'orch:audit') or '', tonumber(given.limit), now, given)
if is_round == 1 then redis.call('DEL', 'orch:audit') else redis.call('SET', 'orch:audit', state) end
return {looked, is_round, finds}
