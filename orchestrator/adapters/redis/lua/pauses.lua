-- include: breakers
-- What is paused: none of it is claimed, and everything else about it goes on (ADR 0027).
--
--   orch:paused     hash  <kind>:<name> of a lane, project, type or model: "<since_ms> <1 if by an operator> <by> <reason>"
--   orch:held_back  set   models that may not run now: not resident; of releases by name see residency.lua
--
-- Both are read once by a script, when it first asks. What is ready is kept apart by model and type, `<model>:<type>`, so
-- that one that may not run hides no other.

local EVERY = '*' -- the name of all lanes, while the records are made anew (ADR 0041)
local paused, held_back

local function members(flat)
  local found = {}
  for _, name in ipairs(flat) do found[name] = true end
  return found
end

local function is_paused(kind, name)
  paused = paused or members(redis.call('HKEYS', 'orch:paused'))
  return next(paused) ~= nil and paused[kind .. ':' .. name] == true
end

-- With the tasks of it that run alone.
local function is_lane_paused(lane)
  return is_paused('lane', (string.gsub(lane, '%.solo$', ''))) or is_paused('lane', EVERY)
end

-- What keeps the task, each as <kind>:<name>.
local function pauses_of(task)
  local found = {}
  for _, kind in ipairs({'lane', 'project', 'type', 'model'}) do
    if is_paused(kind, task[kind]) then found[#found + 1] = kind .. ':' .. task[kind] end
  end
  if is_paused('lane', EVERY) then found[#found + 1] = 'lane:' .. EVERY end
  return found
end

local function is_stock_paused(stock)
  local model, task_type = string.match(stock, '^(.*):([^:]*)$')
  return model ~= nil and (is_paused('model', model) or is_paused('type', task_type))
end

-- Whether it waits for somebody: for who paused it, or for a dependency to be back.
local function is_held_up(stock)
  return is_stock_paused(stock) or lacks(string.match(stock, '[^:]*$'))[1] ~= nil
end

local function model_of(stock)
  return string.match(stock, '^[^:]*')
end

-- A release that a task names, `<model>@<version>`, may run where owners have told of it and nowhere else.
local function is_untold(release)
  return redis.call('EXISTS', 'orch:serving:' .. release) == 0 and redis.call('EXISTS', 'orch:instances') == 1
end

-- Whether its model is away.
local function is_held_back(stock)
  local model = model_of(stock)
  if string.find(model, '@', 1, true) then return is_untold(model) end
  held_back = held_back or members(redis.call('SMEMBERS', 'orch:held_back'))
  return held_back[model] == true
end

-- Whether tasks of this model and type may run now.
local function may_run(stock)
  return not is_held_back(stock) and not is_held_up(stock)
end
