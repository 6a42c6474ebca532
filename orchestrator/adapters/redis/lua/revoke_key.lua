#!lua flags=allow-oom
-- include: turn, places, projects
-- revoke_key: the key is never live again. In a full store as well: a key that leaked cannot wait.
-- given: id, kept_ms

local now, given = clock_ms(), arguments()
local key = 'orch:key:' .. given.id
if redis.call('EXISTS', key) == 0 then return {'unknown'} end
if redis.call('HSETNX', key, 'revoked_ms', now) == 1 then redis.call('PEXPIRE', key, given.kept_ms) end
return {'revoked', now, redis.call('HGETALL', key)}
