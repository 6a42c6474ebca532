#!lua flags=allow-oom
-- include: turn, places
-- plan: the run has found the task to be long, and ends well: from now on its parts do the work.
-- given: task_id, epoch, run_id, lines (JSON), parts (JSON list of {input (JSON), predicted_s})

local now, given = clock_ms(), arguments()
local task, refused = fenced(given, 'plan')
if not task then return refused end

log_lines(task, now, cjson.decode(given.lines))
close_run(task, 'plan', now, '')
if task.cancel_ms then end_task(task, 'canceled', now, {}) else planned().enter(task, cjson.decode(given.parts), now) end
return 'ok'
