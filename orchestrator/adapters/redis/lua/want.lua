#!lua flags=allow-oom
-- include: turn, places
-- want: somebody waits for a release, or for whatever serves a model.
-- given: release

redis.call('HSETNX', 'orch:wanted', arguments().release, clock_ms())
