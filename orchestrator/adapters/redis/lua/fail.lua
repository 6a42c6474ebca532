#!lua flags=allow-oom
-- include: turn, places
-- fail: the one commit of a failed run. `domain/retry` has decided: again after again_in_ms, or (empty) give up.
-- given: task_id, epoch, run_id, error, lines (JSON), category, counts (1 or 0), again_in_ms, is_own (1 or 0), waited_s (of
-- the run's time, which nobody pays for)

local now, given = clock_ms(), arguments()
local task, refused = fenced(given, 'fail')
if not task then return refused end

log_lines(task, now, cjson.decode(given.lines))
count_try(task, given.category, given.counts == '0')
task.actual_s = math.max(0, (now - task.claimed_ms) / 1000 - given.waited_s)
close_run(task, 'fail', now, given.counts == '1' and given.error or nil)
if task.cancel_ms then
  end_task(task, 'canceled', now, {})
elseif given.again_in_ms == '' then
  end_task(task, 'failed', now, {error = given.error}, given.error, given.is_own == '1')
else
  requeue(task, now, now + given.again_in_ms, given.error)
end
return 'ok'
