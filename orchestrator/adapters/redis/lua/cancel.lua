#!lua flags=allow-oom
-- include: turn, places
-- cancel: a queued task, a follower, or one whose parts do the work, ends at once; a running one is asked to stop; a terminal
-- one stays as it is.
-- given: task_id, project

local now, given = clock_ms(), arguments()
local task = load_task(given.task_id)
if not task or task.project ~= given.project or task.condemned then return {'unknown'} end

if is_at_rest(task) then
  leave_place(task)
  end_task(task, 'canceled', now, {cancel_ms = now})
elseif task.status == 'running' and not task.cancel_ms then
  task.cancel_ms, task.updated_ms = now, now
  emit(task, 'canceling', now)
  save(task)
end
return {'ok', reply(task)}
