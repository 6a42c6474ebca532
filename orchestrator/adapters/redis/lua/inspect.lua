#!lua flags=no-writes
-- include: turn, places
-- inspect: the places, the turns and the leases at one moment. Changes nothing.
-- given: limit (of projects a lane, and of leases)

local now, given = clock_ms(), arguments()

local places = {}
for i, place in ipairs({'leases', 'delayed', 'deadlines'}) do
  local key = 'orch:' .. place
  places[i] = {place, redis.call('ZCARD', key), redis.call('ZCOUNT', key, '-inf', now)}
end
places[#places + 1] = {'ended', redis.call('ZCARD', 'orch:ended'), 0}

local turns = {}
for i, lane in ipairs(redis.call('SMEMBERS', 'orch:lanes')) do
  turns[i] = {lane, redis.call('ZRANGE', 'orch:turn:' .. lane, 0, given.limit - 1, 'WITHSCORES')}
end

local leases = {}
local soonest = redis.call('ZRANGE', 'orch:leases', 0, given.limit - 1, 'WITHSCORES')
for i = 1, #soonest, 2 do
  local owner = redis.call('HGET', 'orch:task:' .. soonest[i], 'owner')
  leases[#leases + 1] = {soonest[i], owner or '', math.floor(soonest[i + 1] - now)}
end
return {places, turns, leases}
