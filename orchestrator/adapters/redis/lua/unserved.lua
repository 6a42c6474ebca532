#!lua flags=no-writes
-- include: turn, places
-- unserved: pools that no worker serves in any lane, and lanes where tasks wait that no worker serves. Changes nothing.
-- given: lanes (space separated)

local given = arguments()
local pools, lanes = {}, {}

local function has_worker(pool)
  for lane in string.gmatch(given.lanes, '%S+') do
    if is_served(lane .. '@' .. pool) then return true end
  end
end

for _, pool in ipairs(redis.call('HVALS', 'orch:pinned')) do pools[pool] = not has_worker(pool) end
for _, lane in ipairs(redis.call('SMEMBERS', 'orch:lanes')) do
  local served_as = string.gsub(lane, '%.solo$', '')
  lanes[served_as] = not is_served(served_as)
end

local function those_of(found)
  local names = {}
  for name, is_so in pairs(found) do
    if is_so then names[#names + 1] = name end
  end
  return names
end

return {those_of(pools), those_of(lanes)}
