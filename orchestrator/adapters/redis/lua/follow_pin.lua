#!lua flags=allow-oom
-- include: turn, places, pools
-- follow_pin: the next of a project's waiting tasks go to the lanes of the pool that it is pinned to now.
-- given: project, cursor, count. Answers with the cursor of those after them.

local now, given = clock_ms(), arguments()
local page = redis.call('SSCAN', 'orch:queued:' .. given.project, given.cursor, 'COUNT', given.count)
for _, id in ipairs(page[2]) do
  local task = load_task(id)
  if task and is_elsewhere(task) then follow_pin(task, now) end
end
return page[1]
