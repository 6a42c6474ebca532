#!lua flags=allow-oom
-- include: turn, places
-- leave_delivery: the sender gives its claim back without having told everything.
-- given: id, claim, how (again: after again_in_ms; over: given up; held: like again, and its whole outbox waits as long;
-- released: at once), again_in_ms, counts (1 for a try that is used up), code (or empty), text

local now, given = clock_ms(), arguments()
local of = deliveries()
local delivery = of.held(given)
if not delivery then return 'stale' end

of.leave_place(delivery)
of.note_answer(delivery, given, now)
if given.counts == '1' then delivery.tries = delivery.tries + 1 end
delivery.progress = delivery.progress or delivery.tells_progress
delivery.tells_progress = nil
if given.how == 'over' then
  of.conclude(delivery, 'failed', now)
elseif given.how == 'again' then
  of.enter_later(delivery, now + given.again_in_ms)
else
  of.enter_outbox(delivery, delivery.since_ms)
  if given.how == 'held' then of.hold_back(of.outbox_of(delivery), now + given.again_in_ms) end
end
of.store(delivery)
return 'ok'
