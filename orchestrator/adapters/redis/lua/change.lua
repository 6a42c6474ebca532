#!lua flags=allow-oom
-- include: turn, places
-- change: another priority, other labels, of a queued task. Its rank moves by the difference of the head starts, so it
-- stands where it would if it had been submitted so; alone, it ranks by its crash (ADR 0017).
-- given: task_id, project, priority, labels (JSON; both empty for what it is), head_starts (JSON, ms by priority)

local given = arguments()
local task = load_task(given.task_id)
if not task or task.project ~= given.project or task.condemned then return {'unknown'} end
if task.status ~= 'queued' then return {'illegal', task.status} end

if given.labels ~= '' then task.labels = given.labels end
if given.priority ~= '' and given.priority ~= task.priority then
  local starts = cjson.decode(given.head_starts)
  if not task.solo then task.rank = task.rank + (starts[task.priority] or 0) - starts[given.priority] end
  task.priority = given.priority
  if task.place == 'ready' then redis.call('ZADD', ready_key(task), 'XX', task.rank, task.id) end
end
save(task)
return {'ok', reply(task)}
