#!lua flags=allow-oom
-- include: turn, places
-- change: another priority, other labels, of a queued task; another time to be swept, of any. Its rank moves by the difference of the head starts, so it
-- stands where it would if it had been submitted so; alone, it ranks by its crash (ADR 0017).
-- given: task_id, project, priority, labels (JSON; both empty for what it is), head_starts (JSON, ms by priority),
-- expires_ms (or nothing; 0 for no such time)

local given = arguments()
local task = load_task(given.task_id)
if not task or task.project ~= given.project or task.condemned then return {'unknown'} end
local is_asked = given.priority ~= '' or given.labels ~= ''
if is_asked and task.status ~= 'queued' then return {'illegal', task.status} end

if given.labels ~= '' then task.labels = given.labels end
if given.priority ~= '' and given.priority ~= task.priority then
  local starts = cjson.decode(given.head_starts)
  if not task.solo then task.rank = task.rank + (starts[task.priority] or 0) - starts[given.priority] end
  task.priority = given.priority
  if task.place == 'ready' then redis.call('ZADD', ready_key(task), 'XX', task.rank, task.id) end
end
if given.expires_ms then
  task.expires_ms = given.expires_ms ~= '0' and given.expires_ms or nil
  if task.ended_ms then
    local score = sweep_score(task)
    if tonumber(task.kept_ms or score) > score then score, task.sweep_ms = task.kept_ms, nil end -- others show its files
    redis.call('ZADD', 'orch:ended', 'XX', score, task.id)
  end
end
-- Each change has a number of its own, for the journal. As a time it is later than any that a lost store has given.
task.changed_ms = math.max(tonumber(task.changed_ms or 0) + 1, clock_ms())
save(task)
local leader = given.expires_ms and task.ended_ms and task.leader and load_task(task.leader)
if leader then following().keep_for(task, leader) end
return {'ok', reply(task)}
