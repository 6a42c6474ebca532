#!lua flags=allow-oom
-- include: turn, places, breakers, residency
-- breaker: what a process has seen of a dependency, and whether it may be called. In a full store as well: what was open
-- must close again.
-- given: name, calls, failures, denied (1 or 0), types (that need it, each with a space behind),
-- least_calls, failing (share of them), first_ms, longest_ms (that it is open)
-- and of the one call that was let through: token, outcome (well, failed, denied or unknown); empty for none
-- and asks: the token with which to be let through, empty if not now

local now, given = clock_ms(), arguments()
local name = given.name
local PART_MS, PROBE_MS, OPENINGS_KEPT_MS = 10000, 10000, 120000
local breaker = breaker_of(name)

local function calls_key(parts_ago)
  return 'orch:calls:' .. name .. ':' .. string.format('%d', math.floor(now / PART_MS) - parts_ago)
end

local function counted()
  local calls, failures = 0, 0
  for parts_ago = 0, 1 do
    local sums = redis.call('HMGET', calls_key(parts_ago), 'calls', 'failures')
    calls, failures = calls + (sums[1] or 0), failures + (sums[2] or 0)
  end
  return calls, failures
end

local function count()
  redis.call('HINCRBY', calls_key(0), 'calls', given.calls)
  redis.call('HINCRBY', calls_key(0), 'failures', given.failures)
  redis.call('PEXPIRE', calls_key(0), 2 * PART_MS)
end

local function openings_before()
  if breaker then return breaker.openings end
  local times, until_ms = string.match(redis.call('GET', 'orch:openings:' .. name) or '', '^(%d+) (%d+)$')
  return times and now < tonumber(until_ms) and tonumber(times) or 0
end

local function open(reason)
  local times = openings_before()
  local for_ms = math.min(given.longest_ms, given.first_ms * 2 ^ math.min(times, 10))
  local was_open, opened_ms = breaker ~= nil, breaker and breaker.opened_ms or now
  breaker = {opened_ms = opened_ms, retry_ms = now + for_ms, openings = times + 1, reason = reason, types = given.types}
  save_breaker(name, breaker)
  redis.call('DEL', calls_key(0), calls_key(1), 'orch:openings:' .. name)
  if not was_open then publish_breaker(name) end
end

local function close()
  local until_ms = string.format('%d', now + OPENINGS_KEPT_MS)
  redis.call('SET', 'orch:openings:' .. name, breaker.openings .. ' ' .. until_ms, 'PX', OPENINGS_KEPT_MS)
  redis.call('HDEL', 'orch:breakers', name)
  publish_breaker(name)
  breaker = nil
end

-- A token whose time is over proves nothing any more: another call finds out.
local function hear_probe()
  if breaker.probe ~= given.token or now >= breaker.probe_ends_ms then return end
  if given.outcome == 'well' then
    close()
  elseif given.outcome == 'unknown' then
    breaker.probe = nil
    save_breaker(name, breaker)
  else
    open(given.outcome == 'denied' and 'denied' or 'failing')
  end
end

local function is_let()
  if given.asks == '' or breaker.probe and breaker.probe ~= 'none' and now < breaker.probe_ends_ms then return 0 end
  breaker.probe, breaker.probe_ends_ms = given.asks, now + PROBE_MS
  save_breaker(name, breaker)
  return 1
end

if breaker and given.token ~= '' then
  hear_probe()
elseif not breaker and given.calls ~= '0' then
  count()
  local calls, failures = counted()
  if given.denied == '1' then
    open('denied')
  elseif failures > 0 and calls >= tonumber(given.least_calls) and failures >= calls * given.failing then
    open('failing')
  end
end

if not breaker then
  local calls, failures = counted()
  return {'closed', calls, failures, 0, 0}
end
local is_over = now >= breaker.retry_ms
return {is_over and 'half_open' or 'open', 0, 0, breaker.opened_ms, breaker.retry_ms, breaker.openings, breaker.reason,
  math.max(0, breaker.retry_ms - now), is_over and is_let() or 0}
