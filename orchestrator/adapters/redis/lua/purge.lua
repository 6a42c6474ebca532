#!lua flags=allow-oom
-- include: turn, places, stored
-- purge: forget a condemned task. Any other is left alone.
-- given: task_id

local given = arguments()
local task = load_task(given.task_id)
if not task or not task.condemned then return 'kept' end

count_bytes(task, -(task.bytes or 0))
if task.idem ~= '' then -- a key that holds its answer outlives the task
  local key = 'orch:idem:' .. task.project .. ':' .. task.idem
  local seen = redis.call('HMGET', key, 'task', 'created_ms')
  if seen[1] == task.id and not seen[2] then redis.call('DEL', key) end
end
if task.content then following().forget(task) end
redis.call('ZREM', 'orch:ended', task.id)
redis.call('ZREM', 'orch:tasks:' .. task.project, task.id)
if redis.call('EXISTS', 'orch:tasks:' .. task.project) == 0 then redis.call('DEL', 'orch:story:' .. task.project) end
redis.call('DEL', 'orch:task:' .. task.id, 'orch:events:' .. task.id, 'orch:attempts:' .. task.id)
return 'purged'
