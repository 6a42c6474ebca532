#!lua flags=no-writes
-- include: turn, places, webhooks
-- get_webhook: the time, and an endpoint as it is.
-- given: id, project

local now, given = clock_ms(), arguments()
if not is_own_webhook(given) then return {'unknown'} end
return {'found', now, redis.call('HGETALL', webhook_key(given.id))}
