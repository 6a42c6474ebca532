-- What projects use of what they may have at once and by the hour.
--
--   orch:running:<project>     set     ids with a lease
--   orch:queued:<project>      set     ids that are ready or delayed
--   orch:gpu:<project>:<hour>  string  GPU-seconds charged in an hour of the clock; only of projects with such a quota

local HOUR_MS = 3600000
local AT_QUOTA_MS = 5000 -- then a quota that was raised is noticed, and the hour has moved on

local function gpu_key(project, hour)
  return 'orch:gpu:' .. project .. ':' .. string.format('%d', hour)
end

-- In the last sixty minutes: this hour's, and of the last hour's as much as is in them if it came evenly.
local function gpu_used_s(project, now)
  local hour = math.floor(now / HOUR_MS)
  local charged = redis.call('MGET', gpu_key(project, hour - 1), gpu_key(project, hour))
  return (charged[1] or 0) * (1 - now % HOUR_MS / HOUR_MS) + (charged[2] or 0)
end

local function charge_gpu(project, seconds, now)
  local key = gpu_key(project, math.floor(now / HOUR_MS))
  redis.call('INCRBYFLOAT', key, seconds)
  redis.call('PEXPIRE', key, 2 * HOUR_MS)
end

-- Whether nothing more of the project may run until one of its runs ends, or an hour does. given: max_running,
-- gpu_s_per_hour (of projects that name none; empty is no limit)
local function is_at_quota(project, now, given)
  local most = limit_of(project, 'max_running', given)
  if most and redis.call('SCARD', 'orch:running:' .. project) >= most then return true end
  local gpu_s = limit_of(project, 'gpu_s_per_hour', given)
  return gpu_s ~= nil and gpu_used_s(project, now) >= gpu_s
end

-- Out of the turn; `unpark_everywhere` puts it back when one of its runs ends.
local function park_at_quota(lane, project, now)
  park(lane, project, now + AT_QUOTA_MS)
  redis.call('SADD', 'orch:at_quota:' .. project, lane)
end

-- The prediction counts while the task runs, so that many starts at once cannot overrun the quota.
local function charge_start(task, now, given)
  if limit_of(task.project, 'gpu_s_per_hour', given) then
    charge_gpu(task.project, task.predicted_s, now)
    task.gpu_charged = 1
  end
end

local function settle_quotas(task, took_s, now)
  if task.gpu_charged then charge_gpu(task.project, took_s - task.predicted_s, now) end
  task.gpu_charged = nil
  unpark_everywhere(task.project)
end
