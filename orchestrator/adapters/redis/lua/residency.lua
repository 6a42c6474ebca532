-- What models may be asked now, and of whom (ADR 0045).
--
--   orch:instances                   set     instances that have an owner
--   orch:instance:<instance>         hash    well (1|0), reason, suspicion, budget_bytes, used_bytes, total_bytes, leaks, restarts,
--                                            seen_ms
--   orch:residents:<instance>        hash    release → JSON {state, version, since_ms, used_ms, bytes, is_kept, error}
--   orch:pins:<instance>:<release>   set     tasks whose run uses it
--   orch:routes:<model>              hash    release → weight; without it the stock release has all
--   orch:serving:<model>             string  lines "<weight> <release> <instance>"
--   orch:held_back                   set     models that owners know and of which nothing may be asked now
--   orch:wanted                      hash    release or model → ms since when somebody waits for it
--   orch:dismissed                   set     releases that an operator can do without
--   orch:bytes:<release>             hash    "resident" and each size bucket → the largest seen, bytes
--
-- The residents' JSON is flat and our own, so that a script may change a field of it.

local function model_of(release)
  return string.match(release, '^[^@]*')
end

local function is_well(instance)
  local said = redis.call('HMGET', 'orch:instance:' .. instance, 'well', 'suspicion')
  return said[1] == '1' and (said[2] or '') == ''
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

-- Derives from routes, residents and instances what may be asked of the model. It is held back while some owner has it
-- in its repository, or it has routes, and none has it ready. One that fails to load is not: its runs are told why. What
-- is away for a while still shares its work as it did.
local function publish_model(model)
  local lines, marks, instances = {}, {}, redis.call('SMEMBERS', 'orch:instances')
  local weights, is_routed = weights_of(model)
  local is_known, is_able
  for release, weight in pairs(weights) do
    for _, instance in ipairs(instances) do
      local resident = resident_of(instance, release)
      if resident and resident.state == 'ready' and is_well(instance) then
        lines[#lines + 1] = weight .. ' ' .. release .. ' ' .. instance
        marks[mark_of(release, resident)] = true
      end
      is_known = is_known or resident
      is_able = is_able or resident and resident.state ~= 'failed'
    end
  end
  if lines[1] then
    local served = {}
    for mark in pairs(marks) do served[#served + 1] = mark end
    redis.call('SET', 'orch:serving:' .. model, as_text(lines, '\n'))
    redis.call('SET', 'orch:served:' .. model, as_text(served, ' '))
    return redis.call('SREM', 'orch:held_back', model)
  end
  redis.call('DEL', 'orch:serving:' .. model)
  local is_held_back = is_able or not is_known and is_routed and instances[1]
  redis.call(is_held_back and 'SADD' or 'SREM', 'orch:held_back', model)
end

-- After the instance itself has changed.
local function publish_residents(instance)
  local seen = {}
  for _, release in ipairs(redis.call('HKEYS', 'orch:residents:' .. instance)) do
    local model = model_of(release)
    if not seen[model] then publish_model(model) end
    seen[model] = true
  end
end
