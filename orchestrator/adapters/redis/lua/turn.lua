-- include: project
-- Whose turn is it in a lane: start-time fair queueing (Goyal, Vin, Cheng 1996) over the lane's projects.
--
--   orch:turn:<lane>         zset    projects with ready work, by start tag; the smallest is next; parked ones behind all tags
--   orch:tags:<lane>         zset    tags ahead of the clock, of projects that are parked or have no ready work
--   orch:clock:<lane>        string  the start tag of the project served last
--   orch:lanes               set     lanes with a turn
--   orch:at_quota:<project>  set     lanes in which it is parked until one of its runs ends (quotas.lua)
--
-- Serving a task advances its project's tag by predicted seconds ÷ weight; the end of the run settles the difference.
-- Nothing waits in a lane without a turn: there all are equal again, and of its history only the clock remains.

local PARKED = 1e15 -- more GPU-seconds than any tag will count; milliseconds are added
local PARKED_MS = 1000
local CLOCK_KEPT_MS = 86400000 -- longer than any run that may still settle by it

local function clock_of(lane)
  return tonumber(redis.call('GET', 'orch:clock:' .. lane) or 0)
end

-- At the clock, or where it was if that is ahead of it: who waited has saved nothing up, and is let off nothing.
local function enter_turn(lane, project)
  local kept = redis.call('ZSCORE', 'orch:tags:' .. lane, project)
  if kept then redis.call('ZREM', 'orch:tags:' .. lane, project) end
  redis.call('ZADD', 'orch:turn:' .. lane, math.max(clock_of(lane), tonumber(kept or 0)), project)
end

-- The project has a task that is ready. If it is parked, that one may be able to run; but not when it is at its quota.
local function join_turn(lane, project)
  local tag = redis.call('ZSCORE', 'orch:turn:' .. lane, project)
  if tag and tonumber(tag) < PARKED then return end
  if tag and redis.call('SISMEMBER', 'orch:at_quota:' .. project, lane) == 1 then return end
  enter_turn(lane, project)
  if not tag and redis.call('SADD', 'orch:lanes', lane) == 1 then redis.call('PERSIST', 'orch:clock:' .. lane) end
end

-- Nothing waits any longer. All start equal next time, at a clock that no tag is ahead of; so what a run that goes on
-- still has to settle stays in proportion.
local function close_lane(lane)
  local tags, clock = 'orch:tags:' .. lane, 'orch:clock:' .. lane
  local last = redis.call('ZRANGE', tags, -1, -1, 'WITHSCORES')[2]
  local reads = math.max(clock_of(lane), tonumber(last or 0))
  if reads > 0 then redis.call('SET', clock, reads, 'PX', CLOCK_KEPT_MS) end
  redis.call('DEL', tags)
  redis.call('SREM', 'orch:lanes', lane)
end

-- Whether it was the last of the lane.
local function leave_turn(lane, project)
  local turn, tags = 'orch:turn:' .. lane, 'orch:tags:' .. lane
  local tag = redis.call('ZSCORE', turn, project)
  if not tag then return false end
  redis.call('ZREM', turn, project)
  if tonumber(tag) < PARKED then
    redis.call('ZADD', tags, tag, project)
  else
    redis.call('SREM', 'orch:at_quota:' .. project, lane)
  end
  local is_last = redis.call('EXISTS', turn) == 0
  if is_last then
    close_lane(lane)
  else
    redis.call('ZREMRANGEBYSCORE', tags, '-inf', '(' .. (redis.call('GET', 'orch:clock:' .. lane) or '0'))
  end
  return is_last
end

-- A project of which nothing may run now steps behind all others, until then at the longest. So it saves up no turns
-- while it waits, and however many of them wait, they hide nobody.
local function park(lane, project, until_ms)
  local turn = 'orch:turn:' .. lane
  redis.call('ZADD', 'orch:tags:' .. lane, redis.call('ZSCORE', turn, project), project)
  redis.call('ZADD', turn, PARKED + until_ms, project)
end

local function unpark(lane, now, limit)
  local turn = 'orch:turn:' .. lane
  for _, project in ipairs(redis.call('ZRANGE', turn, PARKED, PARKED + now, 'BYSCORE', 'LIMIT', 0, limit)) do
    enter_turn(lane, project)
    redis.call('SREM', 'orch:at_quota:' .. project, lane)
  end
end

-- What parked it is over: it may be next again in that lane.
local function unpark_now(lane, project)
  local tag = redis.call('ZSCORE', 'orch:turn:' .. lane, project)
  if not tag or tonumber(tag) < PARKED then return end
  enter_turn(lane, project)
  redis.call('SREM', 'orch:at_quota:' .. project, lane)
end

-- One of its runs has ended: wherever its quota kept the project, it may be next again.
local function unpark_everywhere(project)
  local lanes = redis.call('SMEMBERS', 'orch:at_quota:' .. project)
  for _, lane in ipairs(lanes) do unpark_now(lane, project) end
  if lanes[1] then redis.call('DEL', 'orch:at_quota:' .. project) end
end

local function next_in_turn(lane)
  local head = redis.call('ZRANGE', 'orch:turn:' .. lane, 0, 0, 'WITHSCORES')
  if head[1] and tonumber(head[2]) < PARKED then return head[1] end
end

-- The project is served: the clock moves to its tag, the tag moves on by the cost. The record keeps both, so that the
-- end of the run is settled at the weight of its start, whatever has become of the tag since.
local function advance_turn(lane, task)
  local turn, weight = 'orch:turn:' .. lane, weight_of(task.project)
  local tag = redis.call('ZSCORE', turn, task.project)
  redis.call('SET', 'orch:clock:' .. lane, tag)
  redis.call('ZINCRBY', turn, task.predicted_s / weight, task.project)
  task.start_tag, task.weight = tag, weight
end

-- The run is over: charge the seconds that it took instead of what was predicted.
local function settle_turn(lane, task, took_s)
  local turn, tags, project = 'orch:turn:' .. lane, 'orch:tags:' .. lane, task.project
  local weight = tonumber(task.weight) or weight_of(project)
  local correction = (took_s - task.predicted_s) / weight
  local tag = redis.call('ZSCORE', turn, project)
  if tag and tonumber(tag) < PARKED then
    redis.call('ZINCRBY', turn, correction, project)
  elseif not redis.call('ZADD', tags, 'XX', 'INCR', correction, project) and task.start_tag then
    -- The clock had passed the predicted end, and the tag was dropped; it has not passed the real one if this is so.
    local ended = task.start_tag + took_s / weight
    if ended > clock_of(lane) and redis.call('EXISTS', turn) == 1 then redis.call('ZADD', tags, ended, project) end
  end
  task.start_tag, task.weight = nil, nil
end
