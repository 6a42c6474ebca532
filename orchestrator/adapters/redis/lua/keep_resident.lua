#!lua flags=allow-oom
-- include: turn, places, residency
-- keep_resident: no want of memory evicts it, or may again.
-- given: instance, release, is_kept (1 or 0)

local given = arguments()
local resident = resident_of(given.instance, given.release)
if not resident then return 0 end
resident.is_kept = given.is_kept == '1'
save_resident(given.instance, given.release, resident)
return 1
