#!lua
-- include: turn, places
-- resubmit: a client's retry of a failed or canceled task, as the next generation with fresh budgets.
-- given: task_id, project, generation, head_starts (JSON, ms by priority)

local now, given = clock_ms(), arguments()
local task = load_task(given.task_id)
if not task or task.project ~= given.project or task.condemned then return {'unknown'} end
if task.generation ~= given.generation then return {'generation', task.generation} end
if task.status ~= 'failed' and task.status ~= 'canceled' then return {'illegal', task.status} end

redis.call('ZREM', 'orch:ended', task.id)
for name in pairs(task) do
  if string.sub(name, 1, 6) == 'tries:' then redis.call('HDEL', 'orch:task:' .. task.id, name) end
end
clear(task, 'error', 'result', 'outputs', 'usage', 'progress', 'cancel_ms', 'started_ms', 'ended_ms', 'start_by_ms',
  'stage', 'checkpoint', 'actual_s')
write(task, {generation = task.generation + 1, rank = now - cjson.decode(given.head_starts)[task.priority]})
local upload = cjson.decode(task.input).object
if upload then redis.call('ZADD', 'orch:uploads', 'XX', now, upload) end
requeue(task, now, nil, '{"reason":"resubmitted"}')
return {'ok', reply(task)}
