#!lua flags=allow-oom
-- include: turn, places, lapse
-- reconcile: recover lapsed leases, wake what is due, end what came too late. Each set has its own limit, so that a
-- flood in one never delays the recovery of leases.
-- given: limit, lease_ms, crash_limit, crash_error, crashed_out_error, expired_error (JSON)

local now, given = clock_ms(), arguments()
local found = {lapsed = 0, released = 0, crashed_out = 0, due = 0, expired = 0}

local function due_of(key)
  return redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, given.limit)
end

local function count(what) found[what] = found[what] + 1 end

-- An entry that its record does not confirm is dropped: it must neither move that task nor hold the others up.
local function each_due(key, confirms, what)
  for _, id in ipairs(due_of(key)) do
    local task = load_task(id)
    if task and confirms(task) then what(task) else redis.call('ZREM', key, id) end
  end
end

local function is_in(place)
  return function(task) return task.place == place end
end

sign_of_life(now, given.lease_ms, false)
if not in_grace(now, given.lease_ms) then
  each_due('orch:leases', is_in('leases'), function(task) lapse(task, now, given, found) end)
end

each_due('orch:delayed', is_in('delayed'), function(task)
  leave_place(task)
  enter_ready(task, now)
  save(task)
  count('due')
end)

each_due('orch:deadlines', function(task) return task.status == 'queued' end, function(task)
  leave_place(task)
  end_task(task, 'failed', now, {error = given.expired_error}, given.expired_error, true)
  count('expired')
end)

return {found.lapsed, found.released, found.crashed_out, found.due, found.expired}
