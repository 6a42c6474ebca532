-- Where the requests of a run go, and who waits for a model that is away (ADR 0045).
--
--   orch:serving:<model>            string  lines "<weight> <release> <instance>": what may be asked now; <model> may be
--                                           a release that tasks name
--   orch:pins:<instance>:<release>  set     ids whose run uses it, see places.lua
--   orch:wanted                     hash    release or model → ms since when somebody waits for it
--   orch:dismissed                  set     what an operator can do without, unless somebody wants it
--
-- Without an owner there is none of it: then the run goes to the first instance, under the model's plain name.

local noted = {}

-- A task of it is ready and may not run. Its owner hears of that once.
local function want(model, now)
  if noted[model] then return end
  redis.call('HSETNX', 'orch:wanted', model, now)
  redis.call('SREM', 'orch:dismissed', model)
  noted[model] = true
end

local function least_pinned(release, instances)
  local found, fewest
  for _, instance in ipairs(instances) do
    local pins = instances[2] and redis.call('SCARD', 'orch:pins:' .. instance .. ':' .. release) or 0
    if not found or pins < fewest then found, fewest = instance, pins end
  end
  return found
end

-- By the weights and the task's id, so that a retry takes the same while they stand, and a shift moves no more than it must.
local function choose(task, serving)
  local releases, weights, instances, total = {}, {}, {}, 0
  for weight, release, instance in string.gmatch(serving, '(%d+) (%S+) (%S+)') do
    if not weights[release] then
      releases[#releases + 1], weights[release], instances[release] = release, tonumber(weight), {}
      total = total + weight
    end
    table.insert(instances[release], instance)
  end
  table.sort(releases)
  local point = tonumber(string.sub(redis.sha1hex(task.id), 1, 8), 16) / 0x100000000 * total
  for _, release in ipairs(releases) do
    point = point - weights[release]
    if point < 0 then return release, least_pinned(release, instances[release]) end
  end
end

local function place_run(task)
  task.release, task.instance = nil, nil
  local serving = redis.call('GET', 'orch:serving:' .. task.model)
  if not serving then return end
  local release, instance = string.match(serving, '^%S+ (%S+) (%S+)$') -- most have but one
  if not release then release, instance = choose(task, serving) end
  if not release then return end
  redis.call('SADD', 'orch:pins:' .. instance .. ':' .. release, task.id)
  task.release, task.instance = release, instance
end
