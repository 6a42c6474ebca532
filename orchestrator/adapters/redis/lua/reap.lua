#!lua flags=allow-oom
-- include: turn, places, lapse
-- reap: an owner is known to be dead; all its runs end now, exactly as by the lapse of their leases, and what it was
-- sending may be claimed again.
-- given: owner, crash_limit, crash_error, crashed_out_error

local now, given = clock_ms(), arguments()
local found = {lapsed = 0, released = 0, crashed_out = 0}
local unsent = 0

for _, id in ipairs(redis.call('SMEMBERS', 'orch:held:' .. given.owner)) do
  local task = load_task(id)
  if task and task.owner == given.owner then lapse(task, now, given, found) end
end
for _, id in ipairs(redis.call('ZRANGE', 'orch:sending', 0, -1)) do
  if deliveries().sender_of(id) == given.owner then
    deliveries().take_back(deliveries().load(id))
    unsent = unsent + 1
  end
end
return {found.lapsed, found.released, found.crashed_out, 0, 0, unsent}
