#!lua flags=no-writes
-- include: turn, places
-- owners: the worker processes of a node that hold runs or deliveries. Changes nothing.
-- given: node

local given = arguments()
local prefix, found, owners = given.node .. ':', {}, {}

local function note(owner)
  if not owner or string.sub(owner, 1, #prefix) ~= prefix or found[owner] then return end
  found[owner] = true
  owners[#owners + 1] = owner
end

for _, id in ipairs(redis.call('ZRANGE', 'orch:leases', 0, -1)) do
  note(redis.call('HGET', 'orch:task:' .. id, 'owner'))
end
for _, id in ipairs(redis.call('ZRANGE', 'orch:sending', 0, -1)) do
  note(deliveries().sender_of(id))
end
return owners
