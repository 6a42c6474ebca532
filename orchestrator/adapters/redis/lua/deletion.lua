-- A task ends as by a cancel, and is hidden from now on. What is left is a tombstone: the sweep removes its artifacts once it
-- has ended, and what a run that had lost it still wrote a day later (purge.lua). Files that another task shows as its own
-- stay until their time is over (ADR 0031).

local function delete_task(task, now)
  task.condemned, task.deleted_ms = 1, now
  if is_at_rest(task) then
    leave_place(task)
    end_task(task, 'canceled', now, {cancel_ms = now})
  elseif task.status == 'running' then
    if not task.cancel_ms then emit(task, 'canceling', now) end
    task.cancel_ms = task.cancel_ms or now
    save(task)
  else
    if not task.kept_ms then redis.call('ZADD', 'orch:ended', 'XX', 0, task.id) end
    tell_deleted(task, now)
    save(task)
  end
end
