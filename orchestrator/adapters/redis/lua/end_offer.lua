#!lua flags=allow-oom
-- include: turn, places, stored, uploads
-- end_offer: what was offered is there and goes on counting, or never came and counts no longer. Should it still come, its
-- key is swept like any other.
-- given: key, has_arrived (1 or empty)

local given = arguments()
if redis.call('ZREM', 'orch:offers', given.key) == 1 and given.has_arrived == '' then give_back(given.key) end
return 'ended'
