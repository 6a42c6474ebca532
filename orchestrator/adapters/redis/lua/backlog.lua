-- How much work waits in a lane, how fast it goes, and whether anybody does it.
--
--   orch:backlog:<lane>  hash  <hour>:tasks and <hour>:ms (predicted) of what is ready in it, by the hour of its filing
--   orch:pace:<lane>     hash  served_ms in busy_ms, of some hundred runs; at_ms of the last while the lane was busy;
--                              s:<kind>, runs:<kind>: mean seconds of a run of each kind of task (ADR 0026)
--
-- The record says under which hour it is filed and with how much, so it is taken out exactly as it was put in. Audit
-- files again what has waited for more than an hour. What is left under an old hour once it has come round is drift.

local FILED_FOR_MS = 3600000
local PACE_FADES = 0.99
local RUNS_KEPT = 50
local OUTLIER = 10

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

-- The mean of what runs have taken, which fades, so that another model or machine is soon known by its own runs. One that
-- met with trouble counts no more than ten others.
local function mean_of(mean_s, runs, took_s)
  if not mean_s then return took_s, 1 end
  runs = math.min(runs + 1, RUNS_KEPT)
  return mean_s + (math.min(took_s, math.max(mean_s, 0.001) * OUTLIER) - mean_s) / runs, runs
end

-- A run has succeeded: so much do tasks of its kind cost, and so fast does the lane go. The time between two ends counts
-- if work was waiting at both: an idle lane is not a slow one.
local function note_run(lane, task, kind, now)
  local key, cost, count = 'orch:pace:' .. lane, 's:' .. kind, 'runs:' .. kind
  local read = redis.call('HMGET', key, 'served_ms', 'busy_ms', 'at_ms', cost, count)
  local mean_s, runs = mean_of(tonumber(read[4]), tonumber(read[5]), tonumber(task.actual_s))
  if redis.call('EXISTS', 'orch:turn:' .. lane) == 0 then
    redis.call('HSET', key, cost, mean_s, count, runs)
    if read[3] then redis.call('HDEL', key, 'at_ms') end
  elseif not read[3] then
    redis.call('HSET', key, cost, mean_s, count, runs, 'at_ms', now)
  else
    redis.call('HSET', key, cost, mean_s, count, runs, 'at_ms', now,
      'served_ms', (read[1] or 0) * PACE_FADES + task.predicted_s * 1000,
      'busy_ms', (read[2] or 0) * PACE_FADES + now - read[3])
  end
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
