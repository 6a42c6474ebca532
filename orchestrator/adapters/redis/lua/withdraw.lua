#!lua flags=allow-oom
-- include: turn, places, deletion
-- withdraw: the journal could not be written, so these tasks were never accepted: they are deleted, and their key is free.
-- Unless another submit with the key has found them in the journal meanwhile, and has said so (confirm.lua).
-- given: task_ids (space separated), project, idem (the key, or empty)

local now, given = clock_ms(), arguments()
local first = string.match(given.task_ids, '%S+')
if redis.call('HGET', 'orch:task:' .. first, 'journal') == 'confirmed' then return 'confirmed' end

for id in string.gmatch(given.task_ids, '%S+') do
  local task = load_task(id)
  if task and not task.condemned then
    task.withdrawn = 1
    delete_task(task, now)
  end
end
local key = 'orch:idem:' .. given.project .. ':' .. given.idem
if given.idem ~= '' and redis.call('HGET', key, 'task') == first then redis.call('DEL', key) end
return 'withdrawn'
