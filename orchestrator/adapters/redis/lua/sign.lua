#!lua flags=allow-oom
-- include: turn, places
-- sign: a process of ours is alive, for a while. In a full store as well: there too, silence means that it is not.
-- given: part, pid, alive_ms

local given = arguments()
redis.call('SET', 'orch:alive:' .. given.part, given.pid, 'PX', given.alive_ms)
