#!lua flags=allow-oom
-- include: turn, places
-- settle: nobody need wait for it, or be rid of it, any longer.
-- given: release

local given = arguments()
redis.call('HDEL', 'orch:wanted', given.release)
redis.call('SREM', 'orch:dismissed', given.release)
