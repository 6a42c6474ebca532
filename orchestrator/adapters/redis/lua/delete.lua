#!lua flags=allow-oom
-- include: turn, places, deletion
-- delete: end the task as a cancel does, and hide it from now on.
-- given: task_id, project

local now, given = clock_ms(), arguments()
local task = load_task(given.task_id)
if not task or task.project ~= given.project then return 'unknown' end
if task.condemned then return task.deleted_ms and 'ok' or 'unknown' end

delete_task(task, now)
return 'ok'
