#!lua flags=no-writes
-- include: turn, places, pools, stored, uploads, audit_rules, audit_walk, audit_deliveries, audit_models
-- audit_look: one step of the same walk that changes nothing. Where it stands is the caller's to keep.
-- given: state (empty at first), limit, lease_ms, schema

local now, given = clock_ms(), arguments()
local is_round, state = walk(given.state, tonumber(given.limit), now, given)
return {looked, is_round, finds, state, tally()}
