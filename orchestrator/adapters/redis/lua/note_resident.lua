#!lua flags=allow-oom
-- include: turn, places, residency
-- note_resident: a release is on the instance as said. Whether it is kept stays as it was, once that is known.
-- given: instance, release, resident (JSON)

local given = arguments()
local before, said = resident_of(given.instance, given.release), cjson.decode(given.resident)
if before then said.is_kept = before.is_kept end
save_resident(given.instance, given.release, said)
if not before or before.state ~= said.state or before.version ~= said.version then publish(given.release) end
