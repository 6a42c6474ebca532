#!lua flags=no-writes
-- include: turn, places, projects
-- find_key: a live key, its project, and the milliseconds that it has left (-1: for ever); nothing if it is not live.
-- given: id

local now, given = clock_ms(), arguments()
local key = 'orch:key:' .. given.id
local found = redis.call('HMGET', key, 'project', 'expires_ms', 'revoked_ms')
if not found[1] or not is_live(found[2], found[3], now) then return {} end
return {redis.call('HGETALL', key), project_hash(found[1]), found[2] and found[2] - now or -1}
