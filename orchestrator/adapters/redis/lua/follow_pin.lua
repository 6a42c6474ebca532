#!lua flags=allow-oom
-- include: turn, places, pools
-- follow_pin: the next of a project's waiting tasks go to the lanes of the pool that it is pinned to now.
-- given: project, cursor, count. Answers with the cursor of those after them.

local now, given = clock_ms(), arguments()
local page = redis.call('SSCAN', 'orch:queued:' .. given.project, given.cursor, 'COUNT', given.count)
for _, id in ipairs(page[2]) do
  local task = load_task(id)
  if task and is_elsewhere(task) then follow_pin(task, now) end
  if task and task.place == 'parts' then
    for _, part in ipairs(redis.call('ZRANGE', planned().unfinished(task), 0, -1)) do
      local record = load_task(part)
      if record and is_elsewhere(record) then follow_pin(record, now) end
    end
  end
end
return page[1]
