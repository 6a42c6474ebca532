-- Bytes that a project keeps: artifacts of its tasks, and its uploads.
--
--   orch:usage:<project>  hash  bytes, of all its tasks, and upload_bytes, of all its uploads; and for each how far audit
--                               has counted it anew: walked and walked_to, upload_walked and upload_walked_to
--
-- Audit walks a project's tasks in the order of their ids, and its uploads in the order of their keys. What changes behind
-- it changes its count as well, so that its sum is exact when it comes to the end, however many have come and gone meanwhile.

local OF_TASKS, OF_UPLOADS = '', 'upload_' -- what the fields of a sum begin with

local function stored_bytes(project)
  local sums = redis.call('HMGET', 'orch:usage:' .. project, 'bytes', 'upload_bytes')
  return (sums[1] or 0) + (sums[2] or 0)
end

local function add_to_sum(project, of, member, bytes)
  local key = 'orch:usage:' .. project
  if redis.call('HINCRBY', key, of .. 'bytes', bytes) == 0 then redis.call('HDEL', key, of .. 'bytes') end
  local walked_to = redis.call('HGET', key, of .. 'walked_to')
  if walked_to and member <= walked_to then redis.call('HINCRBY', key, of .. 'walked', bytes) end
end

local function count_bytes(task, bytes)
  if bytes ~= 0 then add_to_sum(task.project, OF_TASKS, task.id, bytes) end
end
