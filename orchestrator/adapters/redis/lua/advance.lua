#!lua flags=allow-oom
-- include: turn, places
-- advance: a stage of the run is done; what it left behind may be adopted by a later run.
-- given: task_id, epoch, run_id, stage, checkpoint (JSON)

local now, given = clock_ms(), arguments()
local task = fenced(given, 'advance')
if not task then return 'stale' end
task.stage, task.checkpoint, task.updated_ms = given.stage, given.checkpoint, now
save(task)
return 'ok'
