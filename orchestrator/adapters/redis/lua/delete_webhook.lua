#!lua flags=allow-oom
-- include: turn, places, webhooks
-- delete_webhook: forget an endpoint and its secrets. What it was still to be told finds nobody.
-- given: id, project

local given = arguments()
if not is_own_webhook(given) then return {'unknown'} end
redis.call('DEL', webhook_key(given.id))
redis.call('SREM', 'orch:webhooks:' .. given.project, given.id)
redis.call('HDEL', 'orch:endpoints:' .. given.project, 'webhook:' .. given.id)
return {'deleted'}
