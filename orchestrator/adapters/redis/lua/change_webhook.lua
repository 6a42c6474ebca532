#!lua flags=allow-oom
-- include: turn, places, webhooks
-- change_webhook: set fields of an endpoint; an empty `disabled` enables it. In a full store as well: one whose receiver
-- is gone cannot wait.
-- given: id, project, and fields of the hash

local now, given = clock_ms(), arguments()
if not is_own_webhook(given) then return {'unknown'} end
local key = webhook_key(given.id)
for _, name in ipairs({'url', 'host', 'events', 'description', 'disabled'}) do
  if name == 'disabled' and given[name] == '' then
    redis.call('HDEL', key, name)
  elseif given[name] then
    redis.call('HSET', key, name, given[name])
  end
end
list_destination(given)
return {'changed', now, redis.call('HGETALL', key)}
