#!lua flags=allow-oom
-- include: turn, places
-- release: the run gives its task back unharmed, at its old rank and without an attempt.
-- given: task_id, epoch, run_id, lines (JSON)

local now, given = clock_ms(), arguments()
local task, refused = fenced(given, 'release')
if not task then return refused end

log_lines(task, now, cjson.decode(given.lines))
close_run(task, 'release', now)
if task.cancel_ms then end_task(task, 'canceled', now, {}) else requeue(task, now, nil, '{"reason":"released"}') end
return 'ok'
