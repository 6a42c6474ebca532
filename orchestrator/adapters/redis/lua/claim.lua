#!lua flags=allow-oom
-- include: turn, places, pools, pauses, yield, placing
-- claim: hand out up to one task per given run id, each of the project whose turn it is, its oldest rank first.
-- Or tell the owner to yield to a task that waits to run alone. Idempotent by run id.
-- given: lane, owner, run_ids (space separated), lease_ms, yield_after_ms (or empty), expired_error, schema,
-- types (those that the worker knows, each between spaces; empty for all), unknown_error,
-- max_running, gpu_s_per_hour (of projects that name none; empty is no limit)

local now, given = clock_ms(), arguments()
local TURNS_LOOKED_AT = 256
local UNPARKED_AT_ONCE = 64
local PAUSED_MS = 60000 -- `resume` does not wait for that
local DISCARDS = 100
local ASIDE_MS = 10000
local LEFT_MS = 1000
local UNKNOWN_FOR_MS = 600000

-- By rank, and among equal ranks by id: ids are in the order of their time.
local function oldest_of(project)
  local id, stock, rank
  for _, candidate in ipairs(redis.call('SMEMBERS', 'orch:models:' .. given.lane .. ':' .. project)) do
    local key = 'orch:ready:' .. given.lane .. ':' .. project .. ':' .. candidate
    local head = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    local head_id, head_rank = head[1], tonumber(head[2])
    if head_id and is_held_back(candidate) then
      if not is_held_up(candidate) then want(model_of(candidate), now) end
    elseif head_id and not is_held_up(candidate)
      and (not id or head_rank < rank or head_rank == rank and head_id < id) then
      id, stock, rank = head_id, candidate, head_rank
    end
  end
  return id, stock
end

-- More turns are looked at than come back by `unpark`: what one claim does not reach, the next ones do.
local function head_of_turn()
  if is_lane_paused(given.lane) then return nil end
  for _ = 1, TURNS_LOOKED_AT do
    local project = next_in_turn(given.lane)
    if not project then return nil end
    if is_paused('project', project) then
      park(given.lane, project, now + PAUSED_MS)
    elseif is_at_quota(project, now, given) then
      park_at_quota(given.lane, project, now)
    else
      local id, stock = oldest_of(project)
      if id then return id, stock, project end
      park(given.lane, project, now + PARKED_MS)
    end
  end
end

local function is_late(task)
  return task.start_by_ms and not task.started_ms and tonumber(task.start_by_ms) <= now
end

local function is_unknown(task)
  return given.types ~= '' and not string.find(given.types, ' ' .. task.type .. ' ', 1, true)
end

-- Its files wait on another node, which lives and need not infer again: it is left to that one for as long as to make
-- them anew would take, and offers itself to it once a second (ADR 0042).
local function is_kept_elsewhere(task)
  if not task.spool_node or task.spool_node == node_of(given.owner) then return false end
  if redis.call('EXISTS', 'orch:alive:node:' .. task.spool_node) == 0 then return false end
  task.left_ms = task.left_ms or now
  return now - task.left_ms < tonumber(task.spool_ms)
end

-- For a task of a type that nobody has known for so long there is no newer worker to come.
local function is_hopeless(task)
  return is_unknown(task) and task.aside_ms and now - tonumber(task.aside_ms) >= UNKNOWN_FOR_MS
end

local function fail_unrun(task, error, is_own)
  leave_place(task)
  end_task(task, 'failed', now, {error = error}, error, is_own)
end

-- Out of our way, at the cost of no attempt: it offers itself again.
local function step_aside(task, for_ms)
  leave_place(task)
  enter_delayed(task, now + for_ms)
  save(task)
end

-- A newer version made it and only that one can run it: it offers itself to a newer worker, if one is quicker than we
-- are (ADR 0018).
local function set_aside(task)
  task.aside_ms = task.aside_ms or now
  step_aside(task, ASIDE_MS)
end

-- The store is away, and what is made goes to another meanwhile; but the input of this one lies there (ADR 0040).
local function is_out_of_reach(task)
  return is_away('r2') and not task.checkpoint and cjson.decode(task.input).object ~= nil
end

-- Heads that cannot run are discarded, but only so many in one call: a flood of late tasks must not hold the store.
local function next_task()
  for _ = 1, DISCARDS do
    local id, stock, project = head_of_turn()
    if not id then return nil end
    local task = load_task(id)
    if not task or task.place ~= 'ready' or lane_of(task) ~= given.lane then -- an entry astray; audit counts such finds
      leave_ready({id = id, lane = given.lane, project = project, stock = stock})
    elseif is_late(task) then
      fail_unrun(task, given.expired_error, true)
    elseif tonumber(task.schema) > tonumber(given.schema) then
      set_aside(task)
    elseif is_elsewhere(task) then
      follow_pin(task, now)
    elseif is_hopeless(task) then
      fail_unrun(task, given.unknown_error)
    elseif is_unknown(task) then
      set_aside(task)
    elseif is_kept_elsewhere(task) then
      step_aside(task, LEFT_MS)
    elseif is_out_of_reach(task) then
      step_aside(task, ASIDE_MS)
    else
      return task
    end
  end
end

local function start(task, run_id)
  advance_turn(lane_of(task), task)
  charge_start(task, now, given)
  leave_place(task)
  if task.start_by_ms then redis.call('ZREM', 'orch:deadlines', task.id) end
  task.status, task.epoch, task.run_id, task.owner = 'running', task.epoch + 1, run_id, given.owner
  task.claimed_ms, task.started_ms, task.updated_ms = now, task.started_ms or now, now
  task.progress, task.actual_s, task.aside_ms, task.said, task.left_ms = nil, nil, nil, nil, nil
  enter_leases(task, now + given.lease_ms)
  place_run(task)
  redis.call('SET', 'orch:run:' .. run_id, task.id, 'PX', given.lease_ms)
  local data = '{"epoch":' .. task.epoch .. '}'
  -- What an earlier run has left is adopted: it is of the versions that made it.
  if task.content and not task.checkpoint then task.versions = following().served_versions(task.model) end
  emit(task, 'running', now, data)
  save(task)
  if task.led then following().tell_followers(task, now, data) end
end

local function repeated(run_id)
  local id = redis.call('GET', 'orch:run:' .. run_id)
  local task = id and load_task(id)
  if task and task.run_id == run_id then return task end
end

unpark(given.lane, now, UNPARKED_AT_ONCE)
local claimed, yields = {}, nil
for run_id in string.gmatch(given.run_ids, '%S+') do
  local task = repeated(run_id)
  if not task then
    if yields == nil then yields = must_yield(given, now) end
    task = not yields and next_task()
    if not task then break end
    start(task, run_id)
  end
  claimed[#claimed + 1] = reply(task)
end
has_come(given)
return {claimed, head_of_turn() and 1 or 0, yields and 1 or 0}
