#!lua flags=allow-oom
-- include: turn, places
-- redeliver: a task's deliveries, or that to one destination, are tried at once, with all their tries. One with nothing
-- left to tell tells its last line again. One whose turn comes anyway keeps its place: sent again after a lost reply,
-- this moves nobody in the round, and what holds an outbox back is not over because somebody asks.
-- given: project, task_id, destination (or empty)

local now, given = clock_ms(), arguments()
local of = deliveries()
local read = redis.call('HMGET', 'orch:task:' .. given.task_id, 'project', 'condemned')
if read[1] ~= given.project or read[2] then return {'unknown'} end

local function begin_again(delivery)
  if not of.is_before(delivery.cursor, delivery.wanted) then
    local generation, seq = string.match(delivery.wanted, '^(%d+)-(%d+)$')
    delivery.cursor = generation .. '-' .. seq - 1
  end
  if delivery.place == 'outbox' then
    delivery.tries, delivery.updated_ms = 0, now
  else
    of.begin(delivery, now)
  end
  of.store(delivery)
end

local found = {}
of.each_of(given.task_id, function(delivery)
  if given.destination ~= '' and delivery.destination ~= given.destination then return end
  if delivery.place ~= 'sending' then begin_again(delivery) end
  found[#found + 1] = reply(delivery)
end)
if given.destination ~= '' and not found[1] then return {'no_such'} end
return {'ok', found}
