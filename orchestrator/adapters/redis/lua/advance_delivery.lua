#!lua flags=allow-oom
-- include: turn, places
-- advance_delivery: the destination has taken it, up to that line; the claim goes on with the next.
-- given: id, claim, lease_ms, cursor, code (or empty), text

local now, given = clock_ms(), arguments()
local of = deliveries()
local delivery = of.held(given)
if not delivery then return 'stale' end

of.note_taken(delivery, given, now)
redis.call('ZADD', 'orch:sending', 'XX', now + given.lease_ms, delivery.id)
of.store(delivery)
return 'ok'
