#!lua flags=allow-oom
-- include: turn, places, breakers, residency
-- list_breakers: all that are not closed. One that nobody has tried long after its time is forgotten: there is no more
-- to be told to that host.

local now = clock_ms()
local FORGOTTEN_MS = 600000

local names, found = redis.call('HKEYS', 'orch:breakers'), {}
table.sort(names)
for _, name in ipairs(names) do
  local breaker = breaker_of(name)
  if breaker.retry_ms + FORGOTTEN_MS < now then
    redis.call('HDEL', 'orch:breakers', name)
    publish_breaker(name)
  else
    found[#found + 1] = {name, now >= breaker.retry_ms and 'half_open' or 'open', 0, 0,
      breaker.opened_ms, breaker.retry_ms, breaker.openings, breaker.reason}
  end
end
return found
