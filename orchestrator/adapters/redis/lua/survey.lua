#!lua flags=no-writes
-- include: turn, places
-- survey: the time, every instance with its residents and how many runs pin each, what is wanted, what is dismissed, and
-- the footprint that was learned of each.

local now, found, sizes = clock_ms(), {}, {}
local wanted = redis.call('HGETALL', 'orch:wanted')

local function note_size(release)
  sizes[release] = sizes[release] or tonumber(redis.call('HGET', 'orch:bytes:' .. release, 'resident')) or 0
end

for i = 1, #wanted, 2 do
  note_size(wanted[i])
  for _, release in ipairs(redis.call('HKEYS', 'orch:routes:' .. wanted[i])) do note_size(release) end
end
local instances = redis.call('SMEMBERS', 'orch:instances')
table.sort(instances)
for _, instance in ipairs(instances) do
  local flat, residents = redis.call('HGETALL', 'orch:residents:' .. instance), {}
  for i = 1, #flat, 2 do
    note_size(flat[i])
    residents[#residents + 1] = {flat[i], flat[i + 1], redis.call('SCARD', 'orch:pins:' .. instance .. ':' .. flat[i])}
  end
  found[#found + 1] = {instance, redis.call('HGETALL', 'orch:instance:' .. instance), residents}
end
local learned = {}
for release, bytes in pairs(sizes) do
  if bytes > 0 then learned[#learned + 1], learned[#learned + 2] = release, string.format('%.0f', bytes) end
end
return {now, found, wanted, redis.call('SMEMBERS', 'orch:dismissed'), learned}
