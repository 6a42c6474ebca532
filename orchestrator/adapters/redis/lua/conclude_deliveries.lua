#!lua flags=allow-oom
-- include: turn, places
-- conclude_deliveries: their destinations have taken all that the claims know of. Each is delivered, or queues again for
-- what has come since. Says which claims are lost.
-- given: taken (JSON list of {id, claim, cursor, code (or empty), text})

local now, given = clock_ms(), arguments()
local of = deliveries()

local function conclude(delivery)
  of.leave_place(delivery)
  delivery.tells_progress = nil
  if of.is_before(delivery.cursor, delivery.wanted) or delivery.progress then
    of.enter_outbox(delivery, now)
  else
    of.conclude(delivery, 'delivered', now)
  end
  of.store(delivery)
end

local lost = {}
for _, one in ipairs(cjson.decode(given.taken)) do
  local delivery = of.held(one)
  if delivery then
    of.note_taken(delivery, one, now)
    conclude(delivery)
  else
    lost[#lost + 1] = one.claim
  end
end
return lost
