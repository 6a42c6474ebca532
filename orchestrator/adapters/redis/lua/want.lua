#!lua flags=allow-oom
-- include: turn, places
-- want: somebody waits for a release, or for whatever serves a model.
-- given: release

local now, given = clock_ms(), arguments()
redis.call('HSETNX', 'orch:wanted', given.release, now)
redis.call('SREM', 'orch:dismissed', given.release)
