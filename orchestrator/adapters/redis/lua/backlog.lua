-- How much work waits in a lane, how fast it goes, and whether anybody does it.
--
--   orch:backlog:<lane>  hash  <hour>:tasks and <hour>:ms (predicted) of what is ready in it, by the hour of its filing
--   orch:pace:<lane>     hash  how fast it goes, see learn.lua
--
-- The record says under which hour it is filed and with how much, so it is taken out exactly as it was put in. Audit
-- files again what has waited for more than an hour. What is left under an old hour once it has come round is drift.

local FILED_FOR_MS = 3600000

local function add_to_backlog(lane, hour, tasks, ms)
  local key = 'orch:backlog:' .. lane
  if redis.call('HINCRBY', key, hour .. ':tasks', tasks) == 0 then redis.call('HDEL', key, hour .. ':tasks') end
  if redis.call('HINCRBY', key, hour .. ':ms', ms) == 0 then redis.call('HDEL', key, hour .. ':ms') end
end

local function file(task, lane, now)
  if task.filed then return end
  task.filed, task.filed_ms = math.floor(now / FILED_FOR_MS), math.ceil(task.predicted_s * 1000)
  add_to_backlog(lane, task.filed, 1, task.filed_ms)
end

local function unfile(task, lane)
  if not task.filed then return end
  add_to_backlog(lane, task.filed, -1, -task.filed_ms)
  task.filed, task.filed_ms = nil, nil
end

local function backlog_of(lane)
  local flat, sum = redis.call('HGETALL', 'orch:backlog:' .. lane), {tasks = 0, ms = 0}
  for i = 1, #flat, 2 do
    local what = string.match(flat[i], ':(%a+)$')
    sum[what] = sum[what] + flat[i + 1]
  end
  return sum
end

-- Predicted seconds that the lane gets done in a second; nil when nobody knows.
local function pace_of(lane)
  local read = redis.call('HMGET', 'orch:pace:' .. lane, 'served_ms', 'busy_ms')
  local busy_ms = tonumber(read[2] or 0)
  if busy_ms > 0 then return read[1] / busy_ms end
end

-- Every worker of a lane signs for it in the same place: one that lives is enough.
local function is_served(lane)
  return redis.call('EXISTS', 'orch:alive:worker-' .. lane) == 1
end
