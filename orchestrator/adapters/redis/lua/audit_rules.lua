-- What audit calls a fault, and how each is mended. The record is the truth: every entry that it demands must be in
-- its index ("missing", or "score" where the order is wrong), and every entry of an index must be demanded by a record
-- ("stray", or "orphan" where there is none), and a sum must be that of its parts ("drift"). One script reads a record
-- and its entries, so that no move that goes on meanwhile can look like a fault.

local FIELDS = {'id', 'status', 'place', 'lane', 'pool', 'solo', 'project', 'type', 'model', 'rank', 'generation',
  'schema', 'due_ms', 'run_id', 'owner', 'claimed_ms', 'started_ms', 'start_by_ms', 'ended_ms', 'condemned', 'idem',
  'idem_until_ms', 'request_sha256', 'filed', 'content', 'leader', 'led', 'kept_ms',
  'sweep_ms', 'release', 'instance', 'part_of', 'parts'}
local NEEDED = {'id', 'status', 'lane', 'project', 'type', 'model', 'rank', 'generation', 'schema'}
local PLACES = {
  queued = {ready = true, delayed = true, following = true}, running = {leases = true, following = true, parts = true},
  succeeded = {}, failed = {}, canceled = {},
}
local KNOWN_PLACES = {ready = true, delayed = true, leases = true, following = true, parts = true}
local ANY_SCORE = 'any score'

local mending = false -- audit.lua sets it; without it nothing is written
local finds, schemas = {}, {}

-- Notes a fault, and mends it when this is no dry run.
local function found(fault, index, subject, mend)
  finds[#finds + 1] = {fault, index, subject}
  if mending and mend then mend() end
end

-- The part of a record that its places hang on.
local function look_up(id)
  local task = {}
  for i, value in ipairs(redis.call('HMGET', 'orch:task:' .. id, unpack(FIELDS))) do task[FIELDS[i]] = value or nil end
  if next(task) or redis.call('EXISTS', 'orch:task:' .. id) == 1 then return task end
end

local function is_broken(task)
  for _, name in ipairs(NEEDED) do
    if not task[name] then return true end
  end
  if task.instance and not task.release then return true end
  return not (tonumber(task.rank) and tonumber(task.schema))
end

-- A newer version wrote it, and only that version knows what its indexes should say (ADR 0018).
local function is_beyond_us(task, schema)
  return tonumber(task.schema) > schema or not PLACES[task.status]
    or (task.place ~= nil and not KNOWN_PLACES[task.place])
end

-- The place that the record names, if its status allows that one, or else the one that fits what it holds.
local function right_place(task)
  if task.leader and PLACES[task.status].following then return 'following' end
  if task.status == 'running' and task.parts and not task.run_id then return 'parts' end
  if task.status == 'running' then return task.run_id and task.owner and task.claimed_ms and 'leases' or 'ready' end
  if task.status ~= 'queued' then return nil end
  if task.place == 'ready' or not task.due_ms then return 'ready' end
  return 'delayed'
end

-- Every index entry that there must be for the task, with its score; false stands for a member of a set.
local function demands(task)
  local wanted, place = {}, right_place(task)
  if task.part_of then
    if place then wanted['orch:parts:' .. task.part_of] = ANY_SCORE end
  else
    wanted['orch:tasks:' .. task.project] = 0
  end
  if place == 'ready' then wanted[ready_key(task)] = task.rank end
  if place == 'delayed' then wanted['orch:delayed'] = task.due_ms end
  if place == 'following' then wanted['orch:followers:' .. task.leader] = 0 end
  if place == 'parts' then wanted['orch:planned'] = ANY_SCORE end
  if place == 'leases' then
    wanted['orch:leases'], wanted['orch:held:' .. task.owner] = ANY_SCORE, false
    wanted['orch:running:' .. task.project] = false
    if task.instance then wanted['orch:pins:' .. task.instance .. ':' .. task.release] = false end
  elseif place and not task.part_of then
    wanted['orch:queued:' .. task.project] = false
  end
  if not place and not task.part_of then
    local has_own_time = task.condemned or task.sweep_ms
    wanted['orch:ended'] = not has_own_time and (task.kept_ms or task.ended_ms) or ANY_SCORE
  end
  if task.status == 'queued' and task.start_by_ms and not task.started_ms then
    wanted['orch:deadlines'] = task.start_by_ms
  end
  return wanted
end

local function kind_of(key)
  return string.match(key, '^orch:([%a_]+)')
end

-- The fault of one demanded entry, if it has one.
local function fault_of(key, id, score)
  if score == false then return redis.call('SISMEMBER', key, id) == 0 and 'missing' end
  local there = redis.call('ZSCORE', key, id)
  if not there then return 'missing' end
  return score ~= ANY_SCORE and tonumber(there) ~= tonumber(score) and 'score'
end

local function mend_entry(task, key, score, now, lease_ms)
  if key == ready_key(task) then
    local whole = load_task(task.id)
    enter_ready(whole, now)
    save(whole)
  elseif score == false then
    redis.call('SADD', key, task.id)
  elseif kind_of(key) == 'parts' then
    redis.call('ZADD', key, 0, task.id)
  elseif score == ANY_SCORE then -- a run that lives beats within this lease; one that doesn't lapses after it
    redis.call('ZADD', key, key == 'orch:leases' and now + lease_ms or now, task.id)
  else
    redis.call('ZADD', key, score, task.id)
  end
end

-- The record's status and its field `place` contradict each other. A run without a token can neither end nor lapse.
local function mend_place(task, now)
  local place = right_place(task)
  if task.status == 'running' and place == 'ready' then
    task.run_id, task.owner, task.beaten = nil, nil, nil
    return requeue(task, now, nil, '{"reason":"mended"}')
  end
  task.place = place
  save(task)
end

-- What is filed in the lane's backlog: every ready task and no other, each under an hour that the walk has not left
-- behind. An older version takes a task without taking it out of there.
local function look_at_filing(id, now, began)
  local task = load_task(id)
  local is_ready = right_place(task) == 'ready'
  if not is_ready and task.filed then
    found('stray', 'backlog', id, function() unfile(task, lane_of(task)) end)
  elseif is_ready and not task.filed then
    found('missing', 'backlog', id, function() file(task, lane_of(task), now) end)
  elseif is_ready and tonumber(task.filed) < began and mending then
    unfile(task, lane_of(task))
    file(task, lane_of(task), now)
  end
  if mending then save(task) end
end

-- The answer is lost with the key; as long as the record is there it tells what was answered.
local function look_at_idem(task, now)
  if not task.idem_until_ms or tonumber(task.idem_until_ms) <= now then return end
  local key = 'orch:idem:' .. task.project .. ':' .. task.idem
  if redis.call('EXISTS', key) == 0 then
    found('missing', 'idem', task.id, function()
      redis.call('HSET', key, 'request_sha256', task.request_sha256, 'task', task.id)
      redis.call('PEXPIREAT', key, task.idem_until_ms)
    end)
  end
end

-- A follower has a leader that knows of followers. One whose leader has ended ends or goes on as it should have then.
local function look_at_follower(task, now)
  local leader = load_task(task.leader)
  local has_ended = not leader or next(PLACES[leader.status] or {}) == nil
  if has_ended then
    found('misplaced', 'record', task.id, function()
      local whole = load_task(task.id)
      local ends_alike = leader and not leader.condemned and (leader.status == 'succeeded' or leader.status == 'failed')
      if ends_alike then following().share_end(whole, leader, now) else following().go_alone(whole, now) end
    end)
  elseif not leader.led then
    found('missing', 'followers', task.id, function()
      leader.led = 1
      save(leader)
    end)
  end
end

-- Whoever may be followed can be found.
local function look_at_content(task)
  if not PLACES[task.status].ready and not PLACES[task.status].leases then return end
  if redis.call('EXISTS', following().content_key(task)) == 0 then
    found('missing', 'content', task.id, function() following().lead(task) end)
  end
end

-- A part has a task that waits for it; without one nobody wants it.
local function look_at_part(task, now)
  local whole = load_task(task.part_of)
  if not whole then
    return found('orphan', 'part', task.id, function()
      local part = load_task(task.id)
      if part.place == 'leases' then close_run(part, 'recall', now) elseif part.place then leave_place(part) end
      redis.call('DEL', 'orch:task:' .. task.id)
    end)
  end
  if right_place(task) and right_place(whole) ~= 'parts' then
    found('stray', 'part', task.id, function()
      redis.call('ZADD', planned().unfinished(whole), 'NX', 0, task.id)
      planned().recall(whole, now)
    end)
  end
end

-- A task waits for parts that are not done. Those that only the index has forgotten are found by their own records.
local function look_at_planned(task, now)
  if redis.call('EXISTS', planned().unfinished(task)) == 1 or planned().has_undone(task) then return end
  found('misplaced', 'record', task.id, function()
    local whole = load_task(task.id)
    leave_place(whole)
    requeue(whole, now, nil, '{"reason":"parts_done"}')
  end)
end

local function look_at_record(id, now, given)
  local task = look_up(id)
  if not task then return end
  if is_broken(task) then return found('broken', 'record', id) end
  schemas[task.schema] = (schemas[task.schema] or 0) + 1
  if is_beyond_us(task, tonumber(given.schema)) then return end
  if right_place(task) ~= task.place then
    found('misplaced', 'record', id, function()
      mend_place(load_task(id), now)
      task = look_up(id)
    end)
  end
  if mending and is_elsewhere(task) then -- whoever pinned its project has not come to the end
    follow_pin(load_task(id), now)
    task = look_up(id)
  end
  if task.part_of then
    look_at_part(task, now)
    task = look_up(id)
    if not task then return end
  elseif right_place(task) == 'parts' then
    look_at_planned(task, now)
    task = look_up(id)
  end
  if right_place(task) == 'following' then
    look_at_follower(task, now)
    task = look_up(id)
  elseif task.content then
    look_at_content(task)
  end
  for key, score in pairs(demands(task)) do
    local fault = fault_of(key, id, score)
    if fault then
      found(fault, kind_of(key), id, function() mend_entry(task, key, score, now, given.lease_ms) end)
    end
  end
  if task.filed or task.place == 'ready' then look_at_filing(id, now, given.began) end
  look_at_idem(task, now)
end
