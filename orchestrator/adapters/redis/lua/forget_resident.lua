#!lua flags=allow-oom
-- include: turn, places, residency
-- forget_resident: the release is not on the instance. So it is known, and may be held back.
-- given: instance, release

local given = arguments()
redis.call('HDEL', 'orch:residents:' .. given.instance, given.release)
publish_model(model_of(given.release))
