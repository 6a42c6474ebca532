#!lua
-- include: turn, places, webhooks
-- create_webhook: an endpoint and its secret, unless the project has `most` already.
-- given: id, project, most, url, host, events, description, secret

local now, given = clock_ms(), arguments()
local key, ids = webhook_key(given.id), 'orch:webhooks:' .. given.project

-- The same id again is our own command repeated after a lost reply.
if redis.call('EXISTS', key) == 0 then
  if redis.call('SCARD', ids) >= tonumber(given.most) then return {'full'} end
  redis.call('HSET', key, 'project', given.project, 'url', given.url, 'host', given.host, 'events', given.events,
    'description', given.description, 'secret', given.secret, 'created_ms', now)
  redis.call('SADD', ids, given.id)
  list_destination(given)
end
return {'created', now, redis.call('HGETALL', key)}
