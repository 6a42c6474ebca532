#!lua flags=no-writes
-- include: turn, places
-- load: how much waits in every lane, for how long, how much work that is, and how fast it goes. Changes nothing.

local now, given = clock_ms(), arguments()

local function measure(lane)
  local ready, oldest, at_quota = 0, now, 0
  for _, project in ipairs(redis.call('ZRANGE', 'orch:turn:' .. lane, 0, -1)) do
    at_quota = at_quota + redis.call('SISMEMBER', 'orch:at_quota:' .. project, lane)
    for _, model in ipairs(redis.call('SMEMBERS', 'orch:models:' .. lane .. ':' .. project)) do
      local key = 'orch:ready:' .. lane .. ':' .. project .. ':' .. model
      ready = ready + redis.call('ZCARD', key)
      local head = redis.call('ZRANGE', key, 0, 0)[1]
      local since = head and redis.call('HGET', 'orch:task:' .. head, 'updated_ms')
      oldest = math.min(oldest, tonumber(since or now))
    end
  end
  return {lane, ready, now - oldest, at_quota, backlog_of(lane).ms, tostring(pace_of(lane) or '')}
end

local lanes = {}
for i, lane in ipairs(redis.call('SMEMBERS', 'orch:lanes')) do lanes[i] = measure(lane) end
return {lanes, redis.call('ZCARD', 'orch:leases'), redis.call('ZCARD', 'orch:delayed')}
