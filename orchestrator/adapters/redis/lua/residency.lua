-- What models may be asked now, and of whom (ADR 0045).
--
--   orch:instances                   set     instances that have an owner
--   orch:instance:<instance>         hash    well (1|0), reason, suspicion, budget_bytes, used_bytes, total_bytes, leaks, restarts,
--                                            seen_ms, crowded_by (a release for whose run memory did not suffice), pools (JSON, bytes by name)
--   orch:residents:<instance>        hash    release → JSON {state, version, since_ms, used_ms, bytes, is_kept, error}
--   orch:pins:<instance>:<release>   set     tasks whose run uses it
--   orch:routes:<model>              hash    release → weight; without it the stock release has all
--   orch:routed                      set     models with routes
--   orch:serving:<model or release>  string  lines "<weight> <release> <instance>"; of a release that failed to load none
--   orch:held_back                   set     models that owners know and of which nothing may be asked now
--   orch:wanted                      hash    release or model → ms since when somebody waits for it
--   orch:dismissed                   set     releases that an operator can do without
--   orch:bytes:<release>             hash    "resident" and each size bucket → the largest seen, bytes
--
-- The residents' JSON is flat and our own, so that a script may change a field of it.

local function model_of(release)
  return string.match(release, '^[^@]*')
end

-- As its owner and whoever watches it say, and while its own breaker is closed (ADR 0039).
local function is_well(instance)
  local said = redis.call('HMGET', 'orch:instance:' .. instance, 'well', 'suspicion')
  return said[1] == '1' and (said[2] or '') == '' and redis.call('HEXISTS', 'orch:breakers', 'triton:' .. instance) == 0
end

local function resident_of(instance, release)
  local said = redis.call('HGET', 'orch:residents:' .. instance, release)
  return said and cjson.decode(said)
end

local function save_resident(instance, release, resident)
  redis.call('HSET', 'orch:residents:' .. instance, release, cjson.encode(resident))
end

local function weights_of(model)
  local flat, weights = redis.call('HGETALL', 'orch:routes:' .. model), {}
  if not flat[1] then return {[model] = 1} end
  for i = 1, #flat, 2 do
    if tonumber(flat[i + 1]) > 0 then weights[flat[i]] = tonumber(flat[i + 1]) end
  end
  return weights, true
end

-- What work is shared by (ADR 0031): the stock release as Triton counts its versions, others by their own number.
local function mark_of(release, resident)
  return string.match(release, '@.*$') or resident.version
end

local function as_text(members, separator)
  table.sort(members)
  return table.concat(members, separator)
end

-- Where its releases may be asked and by what weight, and how what they make is marked; whether an owner knows one of
-- them, and one that has not failed to load.
local function look_for(weights)
  local found, instances = {lines = {}, marks = {}}, redis.call('SMEMBERS', 'orch:instances')
  for release, weight in pairs(weights) do
    for _, instance in ipairs(instances) do
      local resident = resident_of(instance, release)
      if resident and resident.state == 'ready' and is_well(instance) then
        table.insert(found.lines, weight .. ' ' .. release .. ' ' .. instance)
        found.marks[mark_of(release, resident)] = true
      end
      found.is_known = found.is_known or resident
      found.is_able = found.is_able or resident and resident.state ~= 'failed'
    end
  end
  return found
end

-- Whether anything was found that serves. What is away for a while still shares its work as it did.
local function serve(name, found)
  if not found.lines[1] then return false end
  local served = {}
  for mark in pairs(found.marks) do served[#served + 1] = mark end
  redis.call('SET', 'orch:serving:' .. name, as_text(found.lines, '\n'))
  redis.call('SET', 'orch:served:' .. name, as_text(served, ' '))
  return true
end

-- Derives from routes, residents and instances what may be asked of the model. It is held back while some owner has it
-- in its repository, or it has routes, and none has it ready. One that fails to load is not: its runs are told why.
local function publish_model(model)
  local weights, is_routed = weights_of(model)
  local found = look_for(weights)
  if serve(model, found) then return redis.call('SREM', 'orch:held_back', model) end
  redis.call('DEL', 'orch:serving:' .. model)
  local is_awaited = not found.is_known and is_routed and redis.call('EXISTS', 'orch:instances') == 1
  redis.call((found.is_able or is_awaited) and 'SADD' or 'SREM', 'orch:held_back', model)
end

-- The same of a pushed release, for tasks that name it whatever the weights are: they wait until it is told of here
-- (pauses.lua). Of one that failed to load is told that nothing serves it.
local function publish_release(release)
  local found = look_for({[release] = 1})
  if serve(release, found) then return end
  if found.is_known and not found.is_able then
    redis.call('SET', 'orch:serving:' .. release, '')
  else
    redis.call('DEL', 'orch:serving:' .. release)
  end
end

-- After the release itself has changed.
local function publish(release)
  local model = model_of(release)
  publish_model(model)
  if release ~= model then publish_release(release) end
end

-- Runs that begin from now on take the releases (→ weight) by these weights; none gives the stock release all.
local function set_route(model, weights)
  redis.call('DEL', 'orch:routes:' .. model)
  for release, weight in pairs(weights) do redis.call('HSET', 'orch:routes:' .. model, release, weight) end
  redis.call(next(weights) and 'SADD' or 'SREM', 'orch:routed', model)
  publish_model(model)
end

-- After an owner has come or gone: only where there is one, what has routes and is nowhere is held back.
local function publish_routed()
  for _, model in ipairs(redis.call('SMEMBERS', 'orch:routed')) do publish_model(model) end
end

-- After the instance itself has changed.
local function publish_residents(instance)
  for _, release in ipairs(redis.call('HKEYS', 'orch:residents:' .. instance)) do publish(release) end
end

-- After a breaker has opened or closed: that of an instance decides whether claims place runs there.
local function publish_breaker(name)
  local instance = string.match(name, '^triton:(.+)$')
  if instance then publish_residents(instance) end
end
