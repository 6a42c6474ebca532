#!lua
-- include: turn, places, projects
-- create_key: a key and, if it is new, its project. At most `most` live keys of one name in a project.
-- given: id, project, name, scopes, mac, expires_in_ms (or empty), most, kept_ms

local now, given = clock_ms(), arguments()
local key, keys = 'orch:key:' .. given.id, 'orch:keys:' .. given.project

-- The same id again is our own command repeated after a lost reply.
if redis.call('EXISTS', key) == 1 then return {'created', now, redis.call('HGETALL', key)} end

local live = 0
for _, id in ipairs(redis.call('SMEMBERS', keys)) do
  local other = redis.call('HMGET', 'orch:key:' .. id, 'name', 'expires_ms', 'revoked_ms')
  if not other[1] then
    redis.call('SREM', keys, id)
  elseif other[1] == given.name and is_live(other[2], other[3], now) then
    live = live + 1
  end
end
if live >= tonumber(given.most) then return {'full'} end

register_project(given.project, now)
redis.call('HSET', key, 'project', given.project, 'name', given.name, 'scopes', given.scopes, 'mac', given.mac,
  'created_ms', now)
if given.expires_in_ms ~= '' then
  local expires_ms = now + given.expires_in_ms
  redis.call('HSET', key, 'expires_ms', expires_ms)
  redis.call('PEXPIREAT', key, expires_ms + given.kept_ms)
end
redis.call('SADD', keys, given.id)
return {'created', now, redis.call('HGETALL', key)}
