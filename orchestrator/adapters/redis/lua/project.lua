-- What a project may have and use. Its hash says so, and where that is silent, the settings of whoever calls.
--
--   orch:project:<slug>  hash  weight, max_running, max_queued, gpu_s_per_hour, max_bytes, requests_per_s, burst, ...

local hashes = {}

-- As it is when the script runs: one read for all fields, however often the script asks.
local function project_field(slug, name)
  if not hashes[slug] then
    local flat = redis.call('HGETALL', 'orch:project:' .. slug)
    hashes[slug] = {}
    for i = 1, #flat, 2 do hashes[slug][flat[i]] = flat[i + 1] end
  end
  return hashes[slug][name]
end

-- nil is no limit.
local function limit_of(slug, name, given)
  return tonumber(project_field(slug, name) or given[name])
end

-- The pool whose workers run its tasks; nil is everybody's.
local function pool_of(slug)
  return project_field(slug, 'pool')
end

-- A weight of nothing would let a tag run away from all others for ever.
local function weight_of(slug)
  local weight = tonumber(project_field(slug, 'weight'))
  return weight and weight > 0 and weight or 1
end
