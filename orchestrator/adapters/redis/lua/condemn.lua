#!lua flags=allow-oom
-- include: turn, places
-- condemn: name terminal tasks whose retention is over. From now on a client can neither see nor retry them, so that
-- their artifacts can be removed before `purge` forgets them. Repeated until then.
-- One of whose end somebody has not been told yet is left alone for a while, and named again later.
-- given: before_ms, limit

local UNTOLD_MS = 604800000
local AGAIN_MS = 600000

local given = arguments()

local function is_untold(task)
  if task.condemned or given.before_ms - task.ended_ms >= UNTOLD_MS then return false end
  return redis.call('EXISTS', 'orch:deliveries:' .. task.id) == 1 and deliveries().is_pending(task.id)
end

local condemned = {}
for _, id in ipairs(redis.call('ZRANGE', 'orch:ended', '-inf', given.before_ms, 'BYSCORE', 'LIMIT', 0, given.limit)) do
  local task = load_task(id)
  if task and is_untold(task) then
    task.kept_ms = given.before_ms + AGAIN_MS
    redis.call('ZADD', 'orch:ended', 'XX', task.kept_ms, id)
    save(task)
  elseif task then
    task.condemned = 1
    save(task)
    condemned[#condemned + 1] = {id, task.project, task.journal and 1 or 0}
  else
    redis.call('ZREM', 'orch:ended', id)
  end
end
return condemned
