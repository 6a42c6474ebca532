#!lua flags=no-writes
-- include: turn, places
-- owners: the worker processes of a node that hold runs. Changes nothing.
-- given: node

local given = arguments()
local prefix, found, owners = given.node .. ':', {}, {}
for _, id in ipairs(redis.call('ZRANGE', 'orch:leases', 0, -1)) do
  local owner = redis.call('HGET', 'orch:task:' .. id, 'owner')
  if owner and string.sub(owner, 1, #prefix) == prefix and not found[owner] then
    found[owner] = true
    owners[#owners + 1] = owner
  end
end
return owners
