#!lua flags=allow-oom
-- include: turn, places
-- confirm: the journal holds the task, and those of its batch: from now on it is not withdrawn.
-- given: task_id

local given = arguments()
local task = load_task(given.task_id)
if not task or task.withdrawn then return 'withdrawn' end
task.journal = 'confirmed'
save(task)
return 'confirmed'
