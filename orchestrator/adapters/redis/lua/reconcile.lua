#!lua flags=allow-oom
-- include: turn, places
-- reconcile: recover lapsed leases, wake what is due, end what came too late. Each set has its own limit, so that a
-- flood in one never delays the recovery of leases.
-- given: limit, lease_ms, gap_ms, crash_limit, crash_error, expired_error (JSON)

local now, given = clock_ms(), arguments()
local found = {lapsed = 0, released = 0, crashed_out = 0, due = 0, expired = 0}

-- After a gap between ticks (this store or the keepers were frozen) every healthy run needs a lease's time to beat.
local function in_grace()
  local state = redis.call('HMGET', 'orch:reconcile', 'tick_ms', 'grace_until_ms')
  local tick, grace = tonumber(state[1] or 0), tonumber(state[2] or 0)
  if now - tick > tonumber(given.gap_ms) then grace = now + given.lease_ms end
  redis.call('HSET', 'orch:reconcile', 'tick_ms', now, 'grace_until_ms', grace)
  return now < grace
end

local function due_of(key)
  return redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, given.limit)
end

local function count(what) found[what] = found[what] + 1 end

-- A lapse after a beat is a crash; before the first beat the worker never had the task in hand.
local function lapse(task)
  local crashed = task.beaten == '1'
  close_run(task, 'lapse', now, crashed and given.crash_error or nil)
  count(crashed and 'lapsed' or 'released')
  local crashes = crashed and count_try(task, 'crash') or 0
  if task.cancel_ms then
    end_task(task, 'canceled', now, {})
  elseif crashes >= tonumber(given.crash_limit) then
    count('crashed_out')
    end_task(task, 'failed', now, {error = given.crash_error}, given.crash_error)
  else
    requeue(task, now, nil, crashed and '{"reason":"crashed"}' or '{"reason":"released"}')
  end
end

local function each_due(key, what)
  for _, id in ipairs(due_of(key)) do
    local task = load_task(id)
    if task then what(task) else redis.call('ZREM', key, id) end
  end
end

if not in_grace() then each_due('orch:leases', lapse) end

each_due('orch:delayed', function(task)
  leave_place(task)
  enter_ready(task)
  save(task)
  count('due')
end)

each_due('orch:deadlines', function(task)
  leave_place(task)
  end_task(task, 'failed', now, {error = given.expired_error}, given.expired_error)
  count('expired')
end)

return {found.lapsed, found.released, found.crashed_out, found.due, found.expired}
