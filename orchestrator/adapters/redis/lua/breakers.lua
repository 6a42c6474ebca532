-- Which dependencies are away (ADR 0039). One that is closed leaves nothing behind but, for a while, its counts.
--
--   orch:breakers           hash    <name> of each that is not closed: "<opened_ms> <retry_ms> <openings> <reason> <probe>
--                                   <probe_ends_ms> ", and the types of tasks that need it, each with a space behind;
--                                   <probe> is the token of the one call that finds out whether it is back, or `none`
--   orch:calls:<name>:<n>   hash    calls and failures of the n-th ten seconds
--   orch:openings:<name>    string  "<how often it has opened in a row> <when that is forgotten>", after it closed

--
-- `triton` is of runs that nobody has placed. Where servers have owners, each has a breaker of its own, `triton:<instance>`,
-- which keeps claims from placing runs there (residency.lua) and holds up no type of task.

local OF_TASKS, NOTHING = {'r2', 'triton'}, {}

local away -- read once by a script, when it first asks

local function look_away()
  away = away or redis.call('HMGET', 'orch:breakers', unpack(OF_TASKS))
  if away[2] and redis.call('EXISTS', 'orch:instances') == 1 then away[2] = false end
  return away
end

local function is_away(name)
  look_away()
  for i, each in ipairs(OF_TASKS) do
    if each == name then return away[i] ~= false end
  end
end

-- What tasks of this type need and cannot have now.
local function lacks(task_type)
  look_away()
  if not (away[1] or away[2]) then return NOTHING end
  local found = {}
  for i, name in ipairs(OF_TASKS) do
    if away[i] and string.find(away[i], ' ' .. task_type .. ' ', 1, true) then found[#found + 1] = name end
  end
  return found
end

-- nil when it is closed.
local function breaker_of(name)
  local said = redis.call('HGET', 'orch:breakers', name)
  if not said then return nil end
  local opened, retry, openings, reason, probe, ends, types =
    string.match(said, '^(%d+) (%d+) (%d+) (%S+) (%S+) (%d+) (.*)$')
  return {opened_ms = opened, retry_ms = tonumber(retry), openings = tonumber(openings), reason = reason,
    probe = probe, probe_ends_ms = tonumber(ends), types = types}
end

local function save_breaker(name, breaker)
  redis.call('HSET', 'orch:breakers', name, string.format('%d %d %d %s %s %d ', breaker.opened_ms, breaker.retry_ms,
    breaker.openings, breaker.reason, breaker.probe or 'none', breaker.probe_ends_ms or 0) .. breaker.types)
end
