-- Shared by the scripts of projects and keys.
--
--   orch:project:<slug>   hash  created_ms, and those fields of `domain/project.py` that differ from their defaults
--   orch:projects         zset  every slug, in lexical order
--   orch:pinned           hash  the pools of those that are pinned, by slug
--   orch:endpoints:<slug> hash  whom its tasks' deliveries go to; this is about `payload` alone
--   orch:key:<id>         hash  project, name, scopes, mac, created_ms, expires_ms, revoked_ms, last_used_ms
--   orch:keys:<slug>      set   the ids of a project's keys; a key that died goes by itself after a while

local function project_exists(slug)
  return redis.call('HEXISTS', 'orch:project:' .. slug, 'created_ms') == 1
end

-- Limits may have been set for a project before it was there: they stay.
local function register_project(slug, now)
  redis.call('HSETNX', 'orch:project:' .. slug, 'created_ms', now)
  redis.call('ZADD', 'orch:projects', 0, slug)
end

-- An empty value puts a field back to its default.
local function set_fields(slug, fields)
  for name, value in pairs(fields) do
    if value == '' then
      redis.call('HDEL', 'orch:project:' .. slug, name)
    else
      redis.call('HSET', 'orch:project:' .. slug, name, value)
    end
  end
end

-- For whoever asks which pools there are.
local function list_pin(slug, pool)
  if pool == '' then
    redis.call('HDEL', 'orch:pinned', slug)
  elseif pool then
    redis.call('HSET', 'orch:pinned', slug, pool)
  end
end

-- Its documents show every status, and progress.
local function list_content(slug, collection)
  if collection == '' then
    redis.call('HDEL', 'orch:endpoints:' .. slug, 'payload')
  elseif collection then
    redis.call('HSET', 'orch:endpoints:' .. slug, 'payload',
      'payload queued running succeeded failed canceled progress deleted')
  end
end

-- As its record is, and `paused` if it is (pauses.lua).
local function project_hash(slug)
  local flat = redis.call('HGETALL', 'orch:project:' .. slug)
  if redis.call('HEXISTS', 'orch:paused', 'project:' .. slug) == 1 then
    flat[#flat + 1], flat[#flat + 2] = 'paused', '1'
  end
  return flat
end

local function is_live(expires_ms, revoked_ms, now)
  return not revoked_ms and (not expires_ms or tonumber(expires_ms) > now)
end
