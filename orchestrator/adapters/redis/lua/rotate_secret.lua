#!lua flags=allow-oom
-- include: turn, places, webhooks
-- rotate_secret: a new secret, of an endpoint or (empty id) of the project. The one before signs as well for a while.
-- In a full store as well: a secret that leaked cannot wait.
-- given: id, project, secret, overlap_ms

local now, given = clock_ms(), arguments()
local is_endpoint = given.id ~= ''
if is_endpoint and not is_own_webhook(given) then return {'unknown'} end

local key = is_endpoint and webhook_key(given.id) or 'orch:signing:' .. given.project
local before = redis.call('HGET', key, 'secret')
if before ~= given.secret then -- the same again is our own command repeated after a lost reply
  redis.call('HSET', key, 'secret', given.secret)
  if before then redis.call('HSET', key, 'before', before, 'before_until_ms', now + given.overlap_ms) end
end
return {'rotated', now, redis.call('HGETALL', key)}
