#!lua flags=allow-oom
-- include: turn, places, stored, uploads
-- forget_upload: nothing is there, and nothing can come.
-- given: key

local given = arguments()
give_back(given.key)
redis.call('ZREM', 'orch:offers', given.key)
redis.call('ZREM', 'orch:uploads', given.key)
return 'forgotten'
