-- Webhook endpoints of projects, and what signs for them.
--
--   orch:webhook:<id>         hash  project, url, host, events, description, created_ms, disabled (why, or absent), secrets
--   orch:webhooks:<project>   set   the ids of a project's endpoints
--   orch:signing:<project>    hash  the secrets for webhooks that its tasks name
--   orch:endpoints:<project>  hash  who hears of its tasks: `<channel> <events>` by destination; of webhooks, the enabled
--
-- Secrets are the fields secret, and before, which signs as well until before_until_ms. They are sealed: no script and
-- nobody who reads the store alone can use them (ADR 0038).

local function webhook_key(id)
  return 'orch:webhook:' .. id
end

-- Whether there is such an endpoint, and it is this project's.
local function is_own_webhook(given)
  return redis.call('HGET', webhook_key(given.id), 'project') == given.project
end

-- What happens to a task finds it there, or does not.
local function list_destination(given)
  local found = redis.call('HMGET', webhook_key(given.id), 'host', 'events', 'disabled')
  local endpoints, destination = 'orch:endpoints:' .. given.project, 'webhook:' .. given.id
  if found[3] then
    redis.call('HDEL', endpoints, destination)
  else
    redis.call('HSET', endpoints, destination, 'webhook:' .. found[1] .. ' ' .. found[2])
  end
end
