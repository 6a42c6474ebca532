#!lua flags=allow-oom
-- include: turn, places
-- renew_deliveries: their senders are alive. A claim that is lost stays lost.
-- given: claims (JSON list of {id, claim}), lease_ms

local now, given = clock_ms(), arguments()
local of = deliveries()
for _, one in ipairs(cjson.decode(given.claims)) do
  if of.held(one) then redis.call('ZADD', 'orch:sending', 'XX', now + given.lease_ms, one.id) end
end
return 'ok'
