#!lua flags=allow-oom
-- include: turn, places, residency
-- close_resident: no further run begins with it. Answers how many still use it.
-- given: instance, release

local given = arguments()
local resident = resident_of(given.instance, given.release)
if resident and resident.state ~= 'closing' then
  resident.state = 'closing'
  save_resident(given.instance, given.release, resident)
  publish(given.release)
end
return redis.call('SCARD', 'orch:pins:' .. given.instance .. ':' .. given.release)
