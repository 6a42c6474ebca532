#!lua flags=allow-oom
-- include: turn, places
-- resume: it may be claimed again, at once: projects that claims have parked for the pause are put back. Who asks is told
-- the lanes to ring.
-- given: what (<kind>:<name>), by_operator (1 or 0)

local given = arguments()
local PUT_BACK = 256 -- a lane; what nothing but its type or model holds up looks for itself within a second
local WHENEVER = 1e14
local said = redis.call('HGET', 'orch:paused', given.what)
if not said then return {'', {}} end
if string.match(said, '^%d+ (%d)') == '1' and given.by_operator ~= '1' then return {'forbidden'} end

redis.call('HDEL', 'orch:paused', given.what)
local kind, name = string.match(given.what, '^(%a+):(.*)$')
local lanes = {}
for _, lane in ipairs(redis.call('SMEMBERS', 'orch:lanes')) do
  if kind == 'project' then unpark_now(lane, name) else unpark(lane, WHENEVER, PUT_BACK) end
  if kind ~= 'lane' or name == '*' or lane == name or lane == solo_lane(name) then lanes[#lanes + 1] = lane end
end
return {said, lanes}
