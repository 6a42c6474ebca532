#!lua flags=allow-oom
-- include: turn, places, lapse
-- reap_silent: end the runs that nobody has beaten for a while on nodes without a sign of life; neither alone is enough.
-- given: silent_ms, lease_ms, limit, crash_limit, crash_error, crashed_out_error

local now, given = clock_ms(), arguments()
local found = {lapsed = 0, released = 0, crashed_out = 0}

local function is_silent(node) return redis.call('EXISTS', 'orch:alive:node:' .. node) == 0 end

local function reap()
  local beaten_until = now - given.silent_ms + given.lease_ms
  for _, id in ipairs(redis.call('ZRANGE', 'orch:leases', '-inf', beaten_until, 'BYSCORE', 'LIMIT', 0, given.limit)) do
    local task = load_task(id)
    local node = task and task.place == 'leases' and node_of(task.owner)
    if node and is_silent(node) then lapse(task, now, given, found) end
  end
end

if not in_grace(now, given.lease_ms) then reap() end
return {found.lapsed, found.released, found.crashed_out}
