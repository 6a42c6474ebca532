#!lua flags=allow-oom
-- include: turn, places
-- condemn: name terminal tasks whose retention is over. From now on a client can neither see nor retry them, so that
-- their artifacts can be removed before `purge` forgets them. Repeated until then.
-- given: before_ms, limit

local given = arguments()
local condemned = {}
for _, id in ipairs(redis.call('ZRANGE', 'orch:ended', '-inf', given.before_ms, 'BYSCORE', 'LIMIT', 0, given.limit)) do
  local task = load_task(id)
  if task then
    task.condemned = 1
    save(task)
    condemned[#condemned + 1] = {id, task.project, task.journal and 1 or 0}
  else
    redis.call('ZREM', 'orch:ended', id)
  end
end
return condemned
