#!lua flags=allow-oom
-- include: turn, places
-- dismiss: an operator can do without a release.
-- given: release

local given = arguments()
redis.call('HDEL', 'orch:wanted', given.release, given.release .. '@0')
redis.call('SADD', 'orch:dismissed', given.release)
