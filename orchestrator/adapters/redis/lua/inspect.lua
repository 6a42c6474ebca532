#!lua flags=no-writes
-- include: turn, places, stored
-- inspect: the places, the turns, the leases and what projects use of their quotas, at one moment. Changes nothing.
-- given: limit (of projects a lane, and of leases), and the quotas of projects that name none

local now, given = clock_ms(), arguments()

local places = {}
for i, place in ipairs({'leases', 'delayed', 'deadlines'}) do
  local key = 'orch:' .. place
  places[i] = {place, redis.call('ZCARD', key), redis.call('ZCOUNT', key, '-inf', now)}
end
places[#places + 1] = {'ended', redis.call('ZCARD', 'orch:ended'), 0}

local turns, projects = {}, {}
for i, lane in ipairs(redis.call('SMEMBERS', 'orch:lanes')) do
  turns[i] = {lane, redis.call('ZRANGE', 'orch:turn:' .. lane, 0, given.limit - 1, 'WITHSCORES')}
  for n = 1, #turns[i][2], 2 do projects[turns[i][2][n]] = true end
end

local leases = {}
local soonest = redis.call('ZRANGE', 'orch:leases', 0, given.limit - 1, 'WITHSCORES')
for i = 1, #soonest, 2 do
  local read = redis.call('HMGET', 'orch:task:' .. soonest[i], 'owner', 'project')
  leases[#leases + 1] = {soonest[i], read[1] or '', math.floor(soonest[i + 1] - now)}
  if read[2] then projects[read[2]] = true end
end

local uses = {}
for project in pairs(projects) do
  local quotas = {}
  for i, name in ipairs({'max_running', 'max_queued', 'gpu_s_per_hour', 'max_bytes'}) do
    quotas[i] = tostring(limit_of(project, name, given) or '')
  end
  uses[#uses + 1] = {project, redis.call('SCARD', 'orch:running:' .. project),
    redis.call('SCARD', 'orch:queued:' .. project), tostring(gpu_used_s(project, now)), stored_bytes(project),
    quotas, redis.call('SMEMBERS', 'orch:at_quota:' .. project)}
end
return {places, turns, leases, uses}
