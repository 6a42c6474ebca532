-- include: pauses
-- How long a task would wait for its start, by what is predicted of those before it and by the pace of its lane.

local MODELS_TASKS_LOOKED_AT, PROJECTS_LOOKED_AT = 32, 64

local function is_server_away()
  for _, instance in ipairs(redis.call('SMEMBERS', 'orch:instances')) do
    if redis.call('HEXISTS', 'orch:breakers', 'triton:' .. instance) == 1 then return true end
  end
end

-- What the task needs and cannot have now: services, and its model, which is held back also when its servers are away.
local function away_of(task)
  local found = {unpack(lacks(task.type))}
  if is_held_back(stock_of(task)) then
    if is_server_away() then found[#found + 1] = 'triton' end
    found[#found + 1] = 'model:' .. task.model
  end
  return found
end

-- Predicted milliseconds of so many tasks at the head of a ready set: of all, or of the first ones times their number.
local function work_of(key, tasks)
  local ids, sum_ms = redis.call('ZRANGE', key, 0, math.min(tasks, MODELS_TASKS_LOOKED_AT) - 1), 0
  for _, id in ipairs(ids) do sum_ms = sum_ms + (redis.call('HGET', 'orch:task:' .. id, 'filed_ms') or 0) end
  return ids[1] and sum_ms / #ids * tasks or 0
end

-- Of the project's own tasks, those of a lower rank go first; of its own model and type `position` of them.
local function own_work_ms(task, lane, position)
  local sum_ms, prefix = 0, lane .. ':' .. task.project
  for _, stock in ipairs(redis.call('SMEMBERS', 'orch:models:' .. prefix)) do
    local key = 'orch:ready:' .. prefix .. ':' .. stock
    local tasks = stock == stock_of(task) and position or redis.call('ZCOUNT', key, '-inf', '(' .. task.rank)
    if tasks > 0 and may_run(stock) then sum_ms = sum_ms + work_of(key, tasks) end
  end
  return sum_ms
end

local function tag_of(project, lane)
  local tag = tonumber(redis.call('ZSCORE', 'orch:turn:' .. lane, project))
  if tag and tag < PARKED then return tag end
  return math.max(clock_of(lane), tonumber(redis.call('ZSCORE', 'orch:tags:' .. lane, project)) or 0)
end

-- Of the others, what fair queueing serves before the project's tag has come to `tag`; of each about as much as it has
-- at most, by the mean of the lane.
local function others_work_ms(task, lane, tag, mean_ms)
  local turn, sum_ms = 'orch:turn:' .. lane, 0
  local flat = redis.call('ZRANGE', turn, '-inf', '(' .. tag, 'BYSCORE', 'LIMIT', 0, PROJECTS_LOOKED_AT, 'WITHSCORES')
  for i = 1, #flat, 2 do
    local other, share_ms = flat[i], (tag - flat[i + 1]) * 1000
    if other ~= task.project then
      local most_ms = redis.call('SCARD', 'orch:queued:' .. other) * mean_ms
      sum_ms = sum_ms + math.min(share_ms * weight_of(other), most_ms)
    end
  end
  return sum_ms
end

-- In whole milliseconds, or empty: no end of others starts a task that is paused, whose model is held back or whose lane
-- has no worker.
-- A lane whose pace nobody knows is taken to do a predicted second in a second.
local function eta_ms(task, lane, position)
  if pauses_of(task)[1] or not may_run(stock_of(task)) then return '' end
  if not is_served(task.lane) then return '' end
  local own_ms, backlog = own_work_ms(task, lane, position), backlog_of(lane)
  local tag = tag_of(task.project, lane) + own_ms / 1000 / weight_of(task.project)
  local others_ms = others_work_ms(task, lane, tag, backlog.ms / math.max(1, backlog.tasks))
  return math.ceil((own_ms + others_ms) / (pace_of(lane) or 1))
end
