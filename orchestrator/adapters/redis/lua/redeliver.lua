#!lua flags=allow-oom
-- include: turn, places
-- redeliver: a task's deliveries, or that to one destination, are tried at once, with all their tries. One with nothing
-- left to tell tells its last line again.
-- given: project, task_id, destination (or empty)

local now, given = clock_ms(), arguments()
local of = deliveries()
local read = redis.call('HMGET', 'orch:task:' .. given.task_id, 'project', 'condemned')
if read[1] ~= given.project or read[2] then return {'unknown'} end

local found = {}
of.each_of(given.task_id, function(delivery)
  if given.destination ~= '' and delivery.destination ~= given.destination then return end
  if delivery.place == 'sending' then
    found[#found + 1] = reply(delivery)
    return
  end
  if not of.is_before(delivery.cursor, delivery.wanted) then
    local generation, seq = string.match(delivery.wanted, '^(%d+)-(%d+)$')
    delivery.cursor = generation .. '-' .. seq - 1
  end
  of.begin(delivery, now)
  of.store(delivery)
  found[#found + 1] = reply(delivery)
end)
if given.destination ~= '' and not found[1] then return {'no_such'} end
return {'ok', found}
