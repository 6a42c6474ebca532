#!lua flags=allow-oom
-- include: turn, places
-- move_back: record where the files of a task are now, if they are still those that were read: outputs name keys with the
-- run's token and generation, so equal texts are of one run. In a full store as well: nothing grows.
-- given: task_id, was, outputs (JSON; both empty when the task is gone), keys (JSON), left_ms

local now, given = clock_ms(), arguments()
local key = 'orch:task:' .. given.task_id
local is_same = redis.call('HGET', key, 'outputs') == given.was
if is_same then redis.call('HSET', key, 'outputs', given.outputs) end
if is_same or not is_displaced(redis.call('HGET', key, 'outputs')) then
  redis.call('ZREM', 'orch:displaced', given.task_id)
end
for _, left in ipairs(cjson.decode(given.keys)) do
  redis.call('ZADD', 'orch:left_over', 'GT', now + given.left_ms, left)
end
return is_same and 1 or 0
