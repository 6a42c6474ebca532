#!lua flags=no-writes
-- include: turn, places, pauses
-- load: how much waits in every lane, for how long, how much of it is held up, how much work that is, and how fast it
-- goes. Changes nothing.

local now, given = clock_ms(), arguments()

local function measure(lane)
  local ready, oldest, at_quota, held_up = 0, now, 0, 0
  for _, project in ipairs(redis.call('ZRANGE', 'orch:turn:' .. lane, 0, -1)) do
    at_quota = at_quota + redis.call('SISMEMBER', 'orch:at_quota:' .. project, lane)
    local is_whole_paused = is_lane_paused(lane) or is_paused('project', project)
    for _, stock in ipairs(redis.call('SMEMBERS', 'orch:models:' .. lane .. ':' .. project)) do
      local key = 'orch:ready:' .. lane .. ':' .. project .. ':' .. stock
      local count = redis.call('ZCARD', key)
      ready = ready + count
      if is_whole_paused or is_held_up(stock) then
        held_up = held_up + count
      else
        local head = redis.call('ZRANGE', key, 0, 0)[1]
        local since = head and redis.call('HGET', 'orch:task:' .. head, 'updated_ms')
        oldest = math.min(oldest, tonumber(since or now))
      end
    end
  end
  local served = is_served((string.gsub(lane, '%.solo$', ''))) and 1 or 0
  return {lane, ready, now - oldest, at_quota, backlog_of(lane).ms, tostring(pace_of(lane) or ''), held_up, served}
end

local lanes = {}
for i, lane in ipairs(redis.call('SMEMBERS', 'orch:lanes')) do lanes[i] = measure(lane) end
return {lanes, redis.call('ZCARD', 'orch:leases'), redis.call('ZCARD', 'orch:delayed')}
