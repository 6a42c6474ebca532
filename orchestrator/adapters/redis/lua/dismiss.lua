#!lua flags=allow-oom
-- include: turn, places
-- dismiss: an operator can do without a release.
-- given: release

local given = arguments()
redis.call('HDEL', 'orch:wanted', given.release)
redis.call('SADD', 'orch:dismissed', given.release)
