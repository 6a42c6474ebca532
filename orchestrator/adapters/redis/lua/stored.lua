-- Bytes of artifacts that a project keeps.
--
--   orch:usage:<project>  hash  bytes, of all its tasks; walked and walked_to: how far audit has counted them anew
--
-- Audit walks a project's tasks in the order of their ids. What changes behind it changes its count as well, so that
-- its sum is exact when it comes to the end, however many tasks have come and gone meanwhile.

local function stored_bytes(project)
  return tonumber(redis.call('HGET', 'orch:usage:' .. project, 'bytes') or 0)
end

local function count_bytes(task, bytes)
  if bytes == 0 then return end
  local key = 'orch:usage:' .. task.project
  if redis.call('HINCRBY', key, 'bytes', bytes) == 0 then redis.call('HDEL', key, 'bytes') end
  local walked_to = redis.call('HGET', key, 'walked_to')
  if walked_to and task.id <= walked_to then redis.call('HINCRBY', key, 'walked', bytes) end
end
