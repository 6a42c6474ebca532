-- What a finished run teaches of its lane and of tasks of its kind (ADR 0026).
--
--   orch:pace:<lane>  hash  served_ms (predicted) in busy_ms, of some hundred runs; at_ms of the last while the lane was busy;
--                           s:<kind>, runs:<kind>: mean seconds of a run of each kind, and how many that is of

local PACE_FADES = 0.99
local RUNS_KEPT = 50
local OUTLIER = 10

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
