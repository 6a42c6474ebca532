#!lua flags=no-writes
-- include: turn, places, wait
-- place: how many tasks of its project and model are before a ready task, and how long it will wait. Changes nothing.
-- given: id, project, lane, waits_in (its lane, or the solo lane), model

local given = arguments()
local lane = given.waits_in
local key = 'orch:ready:' .. lane .. ':' .. given.project .. ':' .. given.model
given.rank = redis.call('ZSCORE', key, given.id)
if not given.rank then return {} end

local position = redis.call('ZRANK', key, given.id)
if redis.call('SISMEMBER', 'orch:at_quota:' .. given.project, lane) == 1 then return {position, ''} end
return {position, eta_ms(given, lane, position)}
