#!lua flags=no-writes
-- include: turn, places
-- list_deliveries: whom a task has told, and how far that has come. Changes nothing.
-- given: project, task_id

local given = arguments()
local read = redis.call('HMGET', 'orch:task:' .. given.task_id, 'project', 'condemned')
if read[1] ~= given.project or read[2] then return {'unknown'} end
local found = {}
deliveries().each_of(given.task_id, function(delivery) found[#found + 1] = reply(delivery) end)
return {'ok', found}
