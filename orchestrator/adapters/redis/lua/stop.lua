#!lua flags=allow-oom
-- include: turn, places
-- stop: the run has heard of the cancel and given up.
-- given: task_id, epoch, run_id, lines (JSON)

local now, given = clock_ms(), arguments()
local task, refused = fenced(given, 'stop')
if not task then return refused end

log_lines(task, now, cjson.decode(given.lines))
close_run(task, 'stop', now, '')
end_task(task, 'canceled', now, {})
return 'ok'
