#!lua flags=allow-oom
-- include: turn, places
-- advance: a stage of the run is done; what it left behind may be adopted by a later run. So nothing asks the model more.
-- given: task_id, epoch, run_id, stage, checkpoint (JSON), kept_ms (empty: nothing lies on the run's own node)

local now, given = clock_ms(), arguments()
local task = fenced(given, 'advance')
if not task then return 'stale' end
task.stage, task.checkpoint, task.updated_ms = given.stage, given.checkpoint, now
task.spool_node, task.spool_ms = nil, nil
unpin(task)
if given.kept_ms ~= '' then task.spool_node, task.spool_ms = node_of(task.owner), given.kept_ms end
save(task)
return 'ok'
