#!lua flags=allow-oom
-- include: turn, places
-- move_back: record where the files of a task are now, if they are still those that were read: outputs name keys with the
-- run's token and generation, so equal texts are of one run. In a full store as well: nothing grows.
-- given: task_id, was, outputs (JSON; both empty when the task is gone), result (the pointer to a large one; empty for
-- none), keys (JSON), left_ms

local now, given = clock_ms(), arguments()
local key = 'orch:task:' .. given.task_id
local recorded = redis.call('HMGET', key, 'outputs', 'result')
local is_same = recorded[1] == given.was
if is_same then redis.call('HSET', key, 'outputs', given.outputs) end
if is_same and given.result ~= '' then redis.call('HSET', key, 'result', given.result) end
if is_same or not is_displaced({outputs = recorded[1], result = recorded[2]}) then
  redis.call('ZREM', 'orch:displaced', given.task_id)
end
for _, left in ipairs(cjson.decode(given.keys)) do
  redis.call('ZADD', 'orch:left_over', 'GT', now + given.left_ms, left)
end
return is_same and 1 or 0
