#!lua flags=allow-oom
-- include: turn, places
-- condemn: name terminal tasks whose retention is over. From now on a client can neither see nor retry them, so that
-- their artifacts can be removed before `purge` forgets them. Repeated until then.
-- One of whose end somebody has not been told yet is left alone for a while, and named again later.
-- given: before_ms, retention_ms (that is so long ago), limit

local UNTOLD_MS = 604800000
local AGAIN_MS = 600000

local now, given = clock_ms(), arguments()

-- Its score was made for another retention of the keeper, which has become shorter since.
local function is_early(task)
  return not task.condemned and task.sweep_ms and tonumber(task.sweep_ms) > now
end

local function is_untold(task)
  local overdue_ms = task.sweep_ms and now - task.sweep_ms or given.before_ms - task.ended_ms
  if task.condemned or overdue_ms >= UNTOLD_MS then return false end
  return redis.call('EXISTS', 'orch:deliveries:' .. task.id) == 1 and deliveries().is_pending(task.id)
end

if redis.call('GET', 'orch:retention') ~= given.retention_ms then
  redis.call('SET', 'orch:retention', given.retention_ms)
end
local condemned = {}
for _, id in ipairs(redis.call('ZRANGE', 'orch:ended', '-inf', given.before_ms, 'BYSCORE', 'LIMIT', 0, given.limit)) do
  local task = load_task(id)
  if not task then
    redis.call('ZREM', 'orch:ended', id)
  elseif is_early(task) then
    redis.call('ZADD', 'orch:ended', 'XX', task.sweep_ms - given.retention_ms, id)
  elseif is_untold(task) then
    task.kept_ms = given.before_ms + AGAIN_MS
    redis.call('ZADD', 'orch:ended', 'XX', task.kept_ms, id)
    save(task)
  else
    task.condemned = 1
    save(task)
    condemned[#condemned + 1] = {id, task.project, task.journal and 1 or 0}
  end
end
return condemned
