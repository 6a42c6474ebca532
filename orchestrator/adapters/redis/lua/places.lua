-- include: backlog, quotas
-- Shared by every script (`scripts.py` puts it in front): time, the record, the places and the event stream.
--
--   orch:task:<id>                        hash    the record; JSON fields are opaque here, never re-encoded
--   orch:ready:<lane>:<project>:<stock>   zset    id by rank      place "ready"; <lane> may be a solo lane
--   orch:leases                           zset    id by expiry    place "leases"
--   orch:delayed                          zset    id by due time  place "delayed"
--   orch:followers:<leader>               zset    id              place "following", see following.lua
--   orch:planned                          zset    id by plan time place "parts", see parts.lua
--   orch:deadlines                        zset    id by start_by, beside the place
--   orch:ended                            zset    id by end, until the retention is over, see retention.lua
--   orch:strays                           zset    id by a day after the end, of those that may have files of lost runs
--   orch:held:<owner>                     set     ids that a worker process runs
--   orch:models:<lane>:<project>          set     stocks with a ready set, each <model>:<type>
--   orch:turn:<lane>, :tags:, :clock:     the fair queue, see turn.lua
--   orch:queued:<project>, :running:      sets of ids, see quotas.lua
--   orch:backlog:<lane>                   hash    sums of what is ready, see backlog.lua
--   orch:yields:<solo lane>               zset    owners that were told to make room, see yield.lua
--   orch:attempts:<id>                    stream  entry ids are <generation>-<epoch>; its events: story.lua
--   orch:tasks:<project>                  zset    all ids, in lexical (= time) order
--   orch:idem:<project>:<key>             hash    request_sha256, task, created_ms and answer of an Idempotency-Key;
--                                                 it ends by itself, whether or not the task is still there
--   orch:run:<run_id>                     string  the task a claim handed out, so that a repeated claim repeats
--   orch:pins:<instance>:<release>        set     ids whose run uses that model; the record says which (placing.lua)
--
-- Invariant I1: a task that is not terminal is in exactly one place, and its field `place` says in which.
-- A task with the field `solo` is ready in its lane's solo lane, `<lane>.solo`, and nowhere else (ADR 0017); one with
-- the field `pool` in the pool's lane, `<lane>@<pool>` (ADR 0034).

local ATTEMPTS_KEPT = 64
local STRAYS_AFTER_MS = 86400000

-- ARGV[1] is the time in ms, empty in production; the rest are name, value pairs.
local function arguments()
  local given = {}
  for i = 2, #ARGV, 2 do given[ARGV[i]] = ARGV[i + 1] end
  return given
end

local function clock_ms()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A script works on its own copy of a record: it sets fields, or clears them with nil, and saves once.
local as_stored = {}

local function load_record(key)
  local flat = redis.call('HGETALL', key)
  if #flat == 0 then return nil end
  local record, stored = {}, {}
  for i = 1, #flat, 2 do
    local name, value = flat[i], flat[i + 1]
    record[name], stored[name] = value, value
  end
  as_stored[key] = stored
  return record
end

-- Writes what has changed and nothing else, so that fields which this version does not know stay as they are.
local function save_record(key, record)
  local stored, set, cleared = as_stored[key] or {}, {}, {}
  for name, value in pairs(record) do
    if value ~= stored[name] and tostring(value) ~= stored[name] then
      set[#set + 1], set[#set + 2] = name, tostring(value)
      stored[name] = tostring(value)
    end
  end
  for name in pairs(stored) do
    if record[name] == nil then cleared[#cleared + 1], stored[name] = name, nil end
  end
  if set[1] then redis.call('HSET', key, unpack(set)) end
  if cleared[1] then redis.call('HDEL', key, unpack(cleared)) end
  as_stored[key] = stored
end

local function load_task(id) return load_record('orch:task:' .. id) end

local function save(task) save_record('orch:task:' .. task.id, task) end

-- The record as HGETALL would tell it, of one that is saved.
local function reply(record)
  local flat = {}
  for name, value in pairs(record) do
    flat[#flat + 1], flat[#flat + 2] = name, tostring(value)
  end
  return flat
end

-- include: story
local function node_of(owner)
  return string.match(owner, '^[^:]*')
end

local function solo_lane(lane)
  return lane .. '.solo'
end

-- The lane in which the task waits, and in whose turn its project is charged.
local function lane_of(task)
  local lane = task.pool and task.lane .. '@' .. task.pool or task.lane
  return task.solo and solo_lane(lane) or lane
end

-- Tasks of one model and type run or are held up together (pauses.lua).
local function stock_of(task)
  return task.stock or task.model .. ':' .. task.type
end

local function ready_key(task)
  return 'orch:ready:' .. lane_of(task) .. ':' .. task.project .. ':' .. stock_of(task)
end

-- A part takes no room of its project's: its task does.
local function count_queued(task)
  if not task.part_of then redis.call('SADD', 'orch:queued:' .. task.project, task.id) end
end

-- Places: each keeps its index and the field `place`; the caller saves.
local function enter_ready(task, now)
  task.pool = pool_of(task.project)
  redis.call('ZADD', ready_key(task), task.rank, task.id)
  redis.call('SADD', 'orch:models:' .. lane_of(task) .. ':' .. task.project, stock_of(task))
  count_queued(task)
  file(task, lane_of(task), now)
  task.place = 'ready'
  join_turn(lane_of(task), task.project)
end

local function enter_delayed(task, due)
  redis.call('ZADD', 'orch:delayed', due, task.id)
  count_queued(task)
  task.place, task.due_ms = 'delayed', due
end

local function enter_leases(task, expiry)
  redis.call('ZADD', 'orch:leases', expiry, task.id)
  redis.call('SADD', 'orch:held:' .. task.owner, task.id)
  redis.call('SADD', 'orch:running:' .. task.project, task.id)
  task.place = 'leases'
end

local function leave_ready(task)
  local key, models = ready_key(task), 'orch:models:' .. lane_of(task) .. ':' .. task.project
  redis.call('ZREM', key, task.id)
  unfile(task, lane_of(task))
  if redis.call('EXISTS', key) == 0 then redis.call('SREM', models, stock_of(task)) end
  local is_last = redis.call('EXISTS', models) == 0 and leave_turn(lane_of(task), task.project)
  if is_last then redis.call('DEL', 'orch:backlog:' .. lane_of(task)) end
end

-- Its run asks the model no more. The name of the release stays.
local function unpin(task)
  if not task.instance then return end
  redis.call('SREM', 'orch:pins:' .. task.instance .. ':' .. task.release, task.id)
  task.instance, task.reserved, task.used_before = nil, nil, nil
end

local function leave_place(task)
  if task.place == 'leases' then
    unpin(task)
    redis.call('ZREM', 'orch:leases', task.id)
    redis.call('SREM', 'orch:held:' .. task.owner, task.id)
    redis.call('SREM', 'orch:running:' .. task.project, task.id)
  elseif task.place then
    redis.call('SREM', 'orch:queued:' .. task.project, task.id)
    if task.place == 'ready' then
      leave_ready(task)
    elseif task.place == 'delayed' then
      redis.call('ZREM', 'orch:delayed', task.id)
    elseif task.place == 'parts' then
      redis.call('ZREM', 'orch:planned', task.id)
    else
      redis.call('ZREM', 'orch:followers:' .. task.leader, task.id)
    end
  end
  task.place, task.due_ms = nil, nil
end

local following -- what concerns tasks that share their work, see following.lua

-- Nobody works on the task itself, so that it can end at once; unless others want what its parts make.
local function is_at_rest(task)
  if task.place == 'parts' then return not (task.led and following().has_followers(task)) end
  return task.status == 'queued' or task.place == 'following'
end

-- Queued again: at once at the old rank, or when `due` has come.
local function requeue(task, now, due, data)
  task.status, task.updated_ms = 'queued', now
  if task.part_of then planned().fall_back(task) end
  if due then enter_delayed(task, due) else enter_ready(task, now) end
  emit(task, 'queued', now, data)
  save(task)
  if task.led then following().tell_followers(task, now, data) end
end

-- The result, if it is a pointer to a file (`domain/stored_result.py`).
local function pointer_in(result)
  return result and string.sub(result, 1, 11) == '{"$stored":' and result
end

-- Whether a file of the task, or its large result, lies in the fallback store (displaced.lua). Of `fields` only
-- `outputs` and `result` are looked at (JSON).
local function is_displaced(fields)
  local function names_fallback(text) return text and string.find(text, '"store":"fallback"', 1, true) ~= nil end
  return names_fallback(fields.outputs) or names_fallback(pointer_in(fields.result))
end

-- A task whose only run has succeeded has no file that nothing points to.
local function may_have_strays(task)
  return tonumber(task.epoch) > 1 or tonumber(task.epoch) == 1 and task.status ~= 'succeeded'
end

-- include: retention
-- The task's last move. It has left its place already. `is_own`: what it failed for tells nothing of the work that it
-- shares with others.
local function end_task(task, status, now, fields, data, is_own)
  for name, value in pairs(fields) do task[name] = value end
  task.status, task.ended_ms, task.updated_ms = status, now, now
  if task.part_of then return planned().hand_in(task, now) end
  if task.parts then planned().recall(task, now) end
  if task.start_by_ms then redis.call('ZREM', 'orch:deadlines', task.id) end
  if is_displaced(fields) then redis.call('ZADD', 'orch:displaced', now, task.id) end
  redis.call('ZADD', 'orch:ended', task.condemned and 0 or sweep_score(task), task.id) -- what is deleted is swept at once
  if may_have_strays(task) then redis.call('ZADD', 'orch:strays', now + STRAYS_AFTER_MS, task.id) end
  emit(task, status, now, data)
  if task.deleted_ms then tell_deleted(task, now) end
  save(task)
  if task.content and not task.leader then following().part_with_followers(task, now, is_own) end
end

-- include: following, deliveries
-- The run whose token was given, if it still owns its task. Otherwise "repeated" when this very call was carried
-- out before (redis-py sends a command again after a lost reply), or "stale".
local function fenced(given, operation)
  local task = load_task(given.task_id)
  if not task then return nil, 'stale' end
  if task.status == 'running' and task.epoch == given.epoch and task.run_id == given.run_id then return task end
  if task.closed_run == given.run_id and task.closed_by == operation then return nil, 'repeated' end
  return nil, 'stale'
end

-- One more end of this category. It uses up a try, or it only says how long to wait the next time.
local function count_try(task, category, is_free)
  local name = (is_free and 'waits:' or 'tries:') .. category
  task[name] = (task[name] or 0) + 1
  return task[name]
end

-- The run gives up its lease: every way out of "running" comes through here. `attempt` is the error it ended with,
-- empty for none; nil when the run does not count as an attempt.
local function close_run(task, operation, now, attempt)
  local took_s = tonumber(task.actual_s or (now - task.claimed_ms) / 1000)
  leave_place(task)
  settle_turn(lane_of(task), task, took_s)
  settle_quotas(task, took_s, now)
  if attempt then
    redis.call('XADD', 'orch:attempts:' .. task.id, 'MAXLEN', ATTEMPTS_KEPT, task.generation .. '-' .. task.epoch,
      'worker', task.owner, 'started_ms', task.claimed_ms, 'ended_ms', now, 'error', attempt)
  end
  redis.call('DEL', 'orch:run:' .. task.run_id)
  task.closed_run, task.closed_by = task.run_id, operation
  task.run_id, task.owner, task.beaten = nil, nil, nil
end

-- The run is gone without a word: its lease lapsed, or its worker is known to be dead. Before its first beat the worker
-- never had the task in hand: a release. Afterwards it is a crash, and perhaps the task's own doing, so from now on it
-- waits in the solo lane, where it can take no neighbour along; its rank there is the time of the crash (ADR 0017).
-- given: crash_limit, crash_error, crashed_out_error. Says what became of the run: "released", "crashed" or "crashed_out".
local function lose_run(task, now, given)
  local crashed = task.beaten == '1'
  close_run(task, 'lapse', now, crashed and given.crash_error or nil)
  local crashes = crashed and count_try(task, 'crash') or 0
  if crashed then task.solo, task.rank = 1, now end
  if task.cancel_ms then
    end_task(task, 'canceled', now, {})
  elseif crashes >= tonumber(given.crash_limit) then
    end_task(task, 'failed', now, {error = given.crashed_out_error}, given.crashed_out_error)
    return 'crashed_out'
  else
    requeue(task, now, nil, crashed and '{"reason":"crashed"}' or '{"reason":"released"}')
  end
  return crashed and 'crashed' or 'released'
end

-- include: parts
