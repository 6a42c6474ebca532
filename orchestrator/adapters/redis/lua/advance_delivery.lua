#!lua flags=allow-oom
-- include: turn, places
-- advance_delivery: the destination has taken it, up to that line. After the last one that the claim knows of it is
-- delivered, or queues again for what has come since.
-- given: id, claim, lease_ms, cursor, is_last (1 or 0), code (or empty), text

local now, given = clock_ms(), arguments()
local of = deliveries()
local delivery = of.held(given)
if not delivery then return 'stale' end

delivery.cursor, delivery.tries = given.cursor, 0
of.note_answer(delivery, given, now)
if given.is_last == '1' then
  of.leave_place(delivery)
  delivery.tells_progress = nil
  if of.is_before(delivery.cursor, delivery.wanted) or delivery.progress then
    of.enter_outbox(delivery, now)
  else
    of.conclude(delivery, 'delivered', now)
  end
else
  redis.call('ZADD', 'orch:sending', 'XX', now + given.lease_ms, delivery.id)
end
of.store(delivery)
return 'ok'
