#!lua flags=allow-oom
-- include: turn, places
-- strays: tasks that ended a day ago and may have files that nothing points to, oldest first. One that lives again, or is
-- forgotten, is not looked at.
-- given: limit

local now, given = clock_ms(), arguments()
local found = {}
for _, id in ipairs(redis.call('ZRANGE', 'orch:strays', '-inf', now, 'BYSCORE', 'LIMIT', 0, given.limit)) do
  local task = load_task(id)
  if task and not task.place and not task.condemned then
    found[#found + 1] = reply(task)
  else
    redis.call('ZREM', 'orch:strays', id)
  end
end
return found
