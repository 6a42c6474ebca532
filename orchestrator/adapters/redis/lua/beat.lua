#!lua flags=allow-oom
-- include: turn, places, lapse
-- beat: all runs of one process at once. Renews their leases, writes progress, answers go_on, stop or lost for each.
-- given: runs (JSON list of {task_id, epoch, run_id, progress or "", lines}), lease_ms, progress_every_ms (for deliveries.lua)

local now, given = clock_ms(), arguments()

local function beat(run)
  local task = fenced(run, 'beat')
  if not task then return 'lost' end
  redis.call('ZADD', 'orch:leases', now + given.lease_ms, task.id)
  task.beaten = 1
  local is_news = run.progress ~= '' and run.progress ~= task.progress -- the same again is this very beat, repeated
  if is_news then
    task.progress, task.updated_ms = run.progress, now
    if not task.part_of then report(task, now) end
    if task.led then following().tell_progress(task, now) end
  end
  log_lines(task, now, run.lines)
  save(task)
  if is_news and task.part_of then planned().come_along(task, now) end
  local is_wanted = task.led and following().has_followers(task) -- by others
  return task.cancel_ms and not is_wanted and 'stop' or 'go_on'
end

sign_of_life(now, given.lease_ms, true)
local verdicts = {}
for i, run in ipairs(cjson.decode(given.runs)) do verdicts[i] = beat(run) end
return verdicts
