#!lua
-- include: turn, places, admission, uploads
-- resubmit: a client's retry of a failed or canceled task, as the next generation with fresh budgets. What its runs
-- have made and not brought to an end is taken up again, unless the client wants it made anew.
-- given: task_id, project, generation, from_stage (fetch, infer, store or empty), head_starts (JSON, ms by priority),
-- and the limits of admission.lua

local now, given = clock_ms(), arguments()
local LAST_GENERATION = {
  error = 1, result = 1, outputs = 1, usage = 1, progress = 1, cancel_ms = 1, started_ms = 1, ended_ms = 1,
  start_by_ms = 1, actual_s = 1, solo = 1, aside_ms = 1, left_ms = 1, leader = 1, sweep_ms = 1, kept_ms = 1,
}
local MADE = {stage = 1, checkpoint = 1, versions = 1, spool_node = 1, spool_ms = 1, parts = 1, parts_s = 1}
local task = load_task(given.task_id)
if not task or task.project ~= given.project or task.condemned then return {'unknown'} end
if task.generation ~= given.generation then return {'generation', task.generation} end
if task.status ~= 'failed' and task.status ~= 'canceled' then return {'illegal', task.status} end
if given.from_stage == 'store' and not task.checkpoint then return {'nothing'} end
local makes_anew = given.from_stage == 'fetch' or given.from_stage == 'infer'

local refused = refusal({
  project = task.project, lane = task.lane, pool = pool_of(task.project), predicted_s = task.predicted_s,
}, given)
if refused then return refused end
redis.call('ZREM', 'orch:ended', task.id)
redis.call('ZREM', 'orch:strays', task.id)
if task.parts and makes_anew then planned().forget(task, 1) end
for name in pairs(task) do
  local is_counted = string.sub(name, 1, 6) == 'tries:' or string.sub(name, 1, 6) == 'waits:'
  local is_past = is_counted or LAST_GENERATION[name] or makes_anew and MADE[name]
  if is_past then task[name] = nil end
end
task.generation, task.rank = task.generation + 1, now - (cjson.decode(given.head_starts)[task.priority] or 0)
local upload = cjson.decode(task.input).object
if upload then use_upload(upload, now) end
local data = '{"reason":"resubmitted"}'
if task.content then following().enter(task, now, data) else requeue(task, now, nil, data) end
return {'ok', reply(task)}
