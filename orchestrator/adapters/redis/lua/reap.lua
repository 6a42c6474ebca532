#!lua flags=allow-oom
-- include: turn, places, lapse
-- reap: an owner is known to be dead; all its runs end now, exactly as by the lapse of their leases.
-- given: owner, crash_limit, crash_error

local now, given = clock_ms(), arguments()
local found = {lapsed = 0, released = 0, crashed_out = 0}

for _, id in ipairs(redis.call('SMEMBERS', 'orch:held:' .. given.owner)) do
  local task = load_task(id)
  if task and task.owner == given.owner then lapse(task, now, given, found) end
end
return {found.lapsed, found.released, found.crashed_out}
