#!lua flags=no-writes
-- include: turn, places
-- list_deliveries: whom a task has told, and how far that has come. Changes nothing. What waits because its whole outbox
-- is held back is due when that is over.
-- given: project, task_id

local now, given = clock_ms(), arguments()
local read = redis.call('HMGET', 'orch:task:' .. given.task_id, 'project', 'condemned')
if read[1] ~= given.project or read[2] then return {'unknown'} end
local found, of = {}, deliveries()
of.each_of(given.task_id, function(delivery)
  if delivery.place == 'outbox' then delivery.due_ms = of.held_until(of.outbox_of(delivery), now) end
  found[#found + 1] = reply(delivery)
end)
return {'ok', found}
