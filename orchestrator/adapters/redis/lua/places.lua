-- Shared by every script (`scripts.py` puts it in front): time, the record, the places and the event stream.
--
--   orch:task:<id>                        hash    the record; JSON fields are opaque here, never re-encoded
--   orch:ready:<lane>:<project>:<model>   zset    id by rank      place "ready"
--   orch:leases                           zset    id by expiry    place "leases"
--   orch:delayed                          zset    id by due time  place "delayed"
--   orch:deadlines                        zset    id by start_by, beside the place
--   orch:ended                            zset    id by end, until the retention is over
--   orch:held:<owner>                     set     ids that a worker process runs
--   orch:models:<lane>:<project>          set     models with a ready set
--   orch:turn:<lane>, :tags:, :clock:     the fair queue, see turn.lua
--   orch:events:<id>, orch:attempts:<id>  stream  entry ids are <generation>-<seq> and <generation>-<epoch>
--   orch:tasks:<project>                  zset    all ids, in lexical (= time) order
--   orch:idem:<project>:<key>             hash    request_sha256 and task of an Idempotency-Key
--   orch:run:<run_id>                     string  the task a claim handed out, so that a repeated claim repeats
--
-- Invariant I1: a task that is not terminal is in exactly one place, and its field `place` says in which.

local EVENTS_KEPT = 256
local ATTEMPTS_KEPT = 64

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

local function load_task(id)
  local flat = redis.call('HGETALL', 'orch:task:' .. id)
  if #flat == 0 then return nil end
  local task = {}
  for i = 1, #flat, 2 do task[flat[i]] = flat[i + 1] end
  return task
end

-- Writes fields to the record and to the table that the script holds.
local function write(task, fields)
  local flat = {}
  for name, value in pairs(fields) do
    task[name] = tostring(value)
    flat[#flat + 1] = name
    flat[#flat + 1] = tostring(value)
  end
  redis.call('HSET', 'orch:task:' .. task.id, unpack(flat))
end

local function clear(task, ...)
  for _, name in ipairs({...}) do task[name] = nil end
  redis.call('HDEL', 'orch:task:' .. task.id, ...)
end

local function reply(task)
  return redis.call('HGETALL', 'orch:task:' .. task.id)
end

local function emit(task, kind, now, data)
  local seq = redis.call('HINCRBY', 'orch:task:' .. task.id, 'seq', 1)
  redis.call('XADD', 'orch:events:' .. task.id, 'MAXLEN', EVENTS_KEPT, task.generation .. '-' .. seq,
    'type', kind, 'at_ms', now, 'data', data or '{}')
end

local function ready_key(task)
  return 'orch:ready:' .. task.lane .. ':' .. task.project .. ':' .. task.model
end

local function enter_ready(task)
  redis.call('ZADD', ready_key(task), task.rank, task.id)
  redis.call('SADD', 'orch:models:' .. task.lane .. ':' .. task.project, task.model)
  write(task, {place = 'ready'})
  join_turn(task.lane, task.project)
end

local function enter_delayed(task, due)
  redis.call('ZADD', 'orch:delayed', due, task.id)
  write(task, {place = 'delayed', due_ms = due})
end

local function enter_leases(task, expiry)
  redis.call('ZADD', 'orch:leases', expiry, task.id)
  redis.call('SADD', 'orch:held:' .. task.owner, task.id)
  write(task, {place = 'leases'})
end

local function leave_ready(task)
  local key, models = ready_key(task), 'orch:models:' .. task.lane .. ':' .. task.project
  redis.call('ZREM', key, task.id)
  if redis.call('EXISTS', key) == 0 then redis.call('SREM', models, task.model) end
  if redis.call('EXISTS', models) == 0 then leave_turn(task.lane, task.project) end
end

local function leave_place(task)
  if task.place == 'ready' then
    leave_ready(task)
  elseif task.place == 'delayed' then
    redis.call('ZREM', 'orch:delayed', task.id)
    clear(task, 'due_ms')
  elseif task.place == 'leases' then
    redis.call('ZREM', 'orch:leases', task.id)
    redis.call('SREM', 'orch:held:' .. task.owner, task.id)
  end
  clear(task, 'place')
end

-- Queued again: at once at the old rank, or when `due` has come.
local function requeue(task, now, due, data)
  write(task, {status = 'queued', updated_ms = now})
  if due then enter_delayed(task, due) else enter_ready(task) end
  emit(task, 'queued', now, data)
end

-- The task's last move. It has left its place already.
local function end_task(task, status, now, fields, data)
  fields.status, fields.ended_ms, fields.updated_ms = status, now, now
  write(task, fields)
  redis.call('ZREM', 'orch:deadlines', task.id)
  redis.call('ZADD', 'orch:ended', now, task.id)
  emit(task, status, now, data)
end

-- The run whose token was given, if it still owns its task. Otherwise "repeated" when this very call was carried
-- out before (redis-py sends a command again after a lost reply), or "stale".
local function fenced(given, operation)
  local task = load_task(given.task_id)
  if not task then return nil, 'stale' end
  if task.status == 'running' and task.epoch == given.epoch and task.run_id == given.run_id then return task end
  if task.closed_run == given.run_id and task.closed_by == operation then return nil, 'repeated' end
  return nil, 'stale'
end

-- The run gives up its lease: every way out of "running" comes through here. `attempt` is the error it ended with,
-- empty for none; nil when the run does not count as an attempt.
local function close_run(task, operation, now, attempt)
  leave_place(task)
  settle_turn(task, now)
  if attempt then
    redis.call('XADD', 'orch:attempts:' .. task.id, 'MAXLEN', ATTEMPTS_KEPT, task.generation .. '-' .. task.epoch,
      'worker', task.owner, 'started_ms', task.claimed_ms, 'ended_ms', now, 'error', attempt)
  end
  write(task, {closed_run = task.run_id, closed_by = operation})
  redis.call('DEL', 'orch:run:' .. task.run_id)
  clear(task, 'run_id', 'owner', 'beaten')
end
