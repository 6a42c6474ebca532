#!lua flags=no-writes
-- include: turn, places
-- survey: the time, every instance with its residents and how many runs pin each, and what is wanted.

local now, found = clock_ms(), {}
local instances = redis.call('SMEMBERS', 'orch:instances')
table.sort(instances)
for _, instance in ipairs(instances) do
  local residents = redis.call('HGETALL', 'orch:residents:' .. instance)
  for i = 1, #residents, 2 do
    residents[#residents + 1] = redis.call('SCARD', 'orch:pins:' .. instance .. ':' .. residents[i])
  end
  found[#found + 1] = {instance, redis.call('HGETALL', 'orch:instance:' .. instance), residents}
end
return {now, found, redis.call('HGETALL', 'orch:wanted')}
