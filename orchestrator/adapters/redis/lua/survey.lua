#!lua flags=no-writes
-- include: turn, places
-- survey: the time, every instance with its residents and how many runs pin each, what is wanted, and what
-- is dismissed.

local now, found = clock_ms(), {}
local instances = redis.call('SMEMBERS', 'orch:instances')
table.sort(instances)
for _, instance in ipairs(instances) do
  local flat, residents = redis.call('HGETALL', 'orch:residents:' .. instance), {}
  for i = 1, #flat, 2 do
    residents[#residents + 1] = {flat[i], flat[i + 1], redis.call('SCARD', 'orch:pins:' .. instance .. ':' .. flat[i])}
  end
  found[#found + 1] = {instance, redis.call('HGETALL', 'orch:instance:' .. instance), residents}
end
return {now, found, redis.call('HGETALL', 'orch:wanted'), redis.call('SMEMBERS', 'orch:dismissed')}
