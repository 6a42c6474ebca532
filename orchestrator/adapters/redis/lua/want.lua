#!lua flags=allow-oom
-- include: turn, places
-- want: somebody waits for a release, or for whatever serves a model.
-- given: release (the stock one alone as <model>@0)

local now, given = clock_ms(), arguments()
redis.call('HSETNX', 'orch:wanted', given.release, now)
redis.call('SREM', 'orch:dismissed', (string.gsub(given.release, '@0$', '')))
