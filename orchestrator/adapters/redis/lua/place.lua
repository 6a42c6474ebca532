#!lua flags=no-writes
-- include: turn, places, wait
-- place: how many tasks of its project, model and type are before a ready task, how long it will wait, and what keeps it
-- paused, whether its lane has a worker, and what it needs that is away, its model among it. Changes nothing.
-- given: id, project, lane (its pool's), waits_in (that, or its solo lane), model, type

local given = arguments()
local lane = given.waits_in
local key = 'orch:ready:' .. lane .. ':' .. given.project .. ':' .. stock_of(given)
given.rank = redis.call('ZSCORE', key, given.id)
if not given.rank then return {} end

local position = redis.call('ZRANK', key, given.id)
local at_quota = redis.call('SISMEMBER', 'orch:at_quota:' .. given.project, lane) == 1
local eta = at_quota and '' or eta_ms(given, lane, position)
return {position, eta, pauses_of(given), is_served(given.lane) and '' or given.lane, away_of(given)}
