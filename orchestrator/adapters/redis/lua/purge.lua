#!lua flags=allow-oom
-- include: turn, places, stored
-- purge: forget a condemned task whose artifacts are gone. Any other is left alone. Of one that a client has deleted a
-- tombstone stays for a day, until `condemn` names it once more.
-- given: task_id, before_ms (as for condemn)

local TOMBSTONE_MS = 86400000

local now, given = clock_ms(), arguments()
local task = load_task(given.task_id)
if not task or not task.condemned or task.place then return 'kept' end

count_bytes(task, -(task.bytes or 0))
local stands_ms = task.deleted_ms and task.deleted_ms + TOMBSTONE_MS - now or 0
if stands_ms > 0 then
  task.bytes = nil
  redis.call('ZADD', 'orch:ended', 'XX', given.before_ms + stands_ms, task.id)
  save(task)
  return 'kept'
end
if task.idem ~= '' then -- a key that holds its answer outlives the task
  local key = 'orch:idem:' .. task.project .. ':' .. task.idem
  local seen = redis.call('HMGET', key, 'task', 'created_ms')
  if seen[1] == task.id and not seen[2] then redis.call('DEL', key) end
end
if task.content then following().forget(task) end
if task.parts then planned().forget(task, 1) end
if redis.call('EXISTS', 'orch:deliveries:' .. task.id) == 1 then deliveries().each_of(task.id, deliveries().forget) end
redis.call('ZREM', 'orch:ended', task.id)
if is_displaced(task) then redis.call('ZREM', 'orch:displaced', task.id) end
redis.call('ZREM', 'orch:strays', task.id)
redis.call('ZREM', 'orch:tasks:' .. task.project, task.id)
if redis.call('EXISTS', 'orch:tasks:' .. task.project) == 0 then redis.call('DEL', 'orch:story:' .. task.project) end
redis.call('DEL', 'orch:task:' .. task.id, 'orch:events:' .. task.id, 'orch:attempts:' .. task.id)
return 'purged'
