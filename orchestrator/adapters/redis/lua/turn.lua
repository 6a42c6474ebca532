-- Whose turn is it in a lane: start-time fair queueing (Goyal, Vin, Cheng 1996) over the lane's projects.
--
--   orch:turn:<lane>   zset    projects with ready work, by start tag; the smallest is next; parked ones behind all tags
--   orch:tags:<lane>   zset    projects without ready work whose tag is still ahead of the clock
--   orch:clock:<lane>  string  the start tag of the project served last
--   orch:lanes         set     lanes with a turn
--   orch:held_back     set     models that may not run now: not resident, or behind an open breaker
--
-- Serving a task advances its project's tag by predicted seconds ÷ weight; the end of the run settles the difference.
-- Nothing waits in a lane without a turn, so the whole history of an idle lane is forgotten.

-- A model that may not run now is passed over, and nothing else is.
local function may_run(model)
  return redis.call('SISMEMBER', 'orch:held_back', model) == 0
end

local function weight_of(project)
  return tonumber(redis.call('HGET', 'orch:project:' .. project, 'weight') or 1)
end

local PARKED = 1e15 -- more GPU-seconds than any tag will count; milliseconds are added
local PARKED_MS = 1000

local function clock_of(lane)
  return tonumber(redis.call('GET', 'orch:clock:' .. lane) or 0)
end

-- A newcomer starts at the clock, and so does a parked project; one who left while ahead of it comes back where it was.
local function join_turn(lane, project)
  local turn, tags = 'orch:turn:' .. lane, 'orch:tags:' .. lane
  local tag = redis.call('ZSCORE', turn, project)
  if tag and tonumber(tag) < PARKED then return end
  local left_at = tonumber(redis.call('ZSCORE', tags, project) or 0)
  redis.call('ZREM', tags, project)
  redis.call('ZADD', turn, math.max(clock_of(lane), left_at), project)
  redis.call('SADD', 'orch:lanes', lane)
end

local function leave_turn(lane, project)
  local turn, tags = 'orch:turn:' .. lane, 'orch:tags:' .. lane
  local tag = redis.call('ZSCORE', turn, project)
  if not tag then return end
  redis.call('ZREM', turn, project)
  if redis.call('EXISTS', turn) == 0 then
    redis.call('DEL', tags, 'orch:clock:' .. lane)
    redis.call('SREM', 'orch:lanes', lane)
  elseif tonumber(tag) < PARKED then
    redis.call('ZADD', tags, tag, project)
    redis.call('ZREMRANGEBYSCORE', tags, '-inf', '(' .. (redis.call('GET', 'orch:clock:' .. lane) or '0'))
  end
end

-- A project of which nothing may run now steps behind all others for a second. So it saves up no turns while it waits,
-- and however many of them wait, they hide nobody.
local function park(lane, project, now)
  redis.call('ZADD', 'orch:turn:' .. lane, PARKED + now + PARKED_MS, project)
end

local function unpark(lane, now, limit)
  local turn = 'orch:turn:' .. lane
  for _, project in ipairs(redis.call('ZRANGE', turn, PARKED, PARKED + now, 'BYSCORE', 'LIMIT', 0, limit)) do
    redis.call('ZADD', turn, clock_of(lane), project)
  end
end

local function next_in_turn(lane)
  local head = redis.call('ZRANGE', 'orch:turn:' .. lane, 0, 0, 'WITHSCORES')
  if head[1] and tonumber(head[2]) < PARKED then return head[1] end
end

-- The project is served: the clock moves to its tag, the tag moves on by the cost.
local function advance_turn(lane, project, cost_s)
  local tag = redis.call('ZSCORE', 'orch:turn:' .. lane, project)
  redis.call('SET', 'orch:clock:' .. lane, tag)
  redis.call('ZINCRBY', 'orch:turn:' .. lane, cost_s / weight_of(project), project)
end

-- The run is over: charge what it took instead of what was predicted.
local function settle_turn(lane, task, now)
  local took_s = tonumber(task.actual_s or (now - tonumber(task.claimed_ms)) / 1000)
  local correction = (took_s - tonumber(task.predicted_s)) / weight_of(task.project)
  for _, key in ipairs({'orch:turn:' .. lane, 'orch:tags:' .. lane}) do
    redis.call('ZADD', key, 'XX', 'INCR', correction, task.project)
  end
end
