-- Judging silence: who lost a run, and when silence proves nothing.

-- Ticks of reconcile, or this store itself, have stood still: who could not be heard meanwhile may well be alive.
local function is_gap(now, gap_ms)
  return now - tonumber(redis.call('HGET', 'orch:reconcile', 'tick_ms') or 0) > tonumber(gap_ms)
end

-- And gets a lease's time to say so.
local function in_grace(now, gap_ms)
  return is_gap(now, gap_ms) or now < tonumber(redis.call('HGET', 'orch:reconcile', 'grace_until_ms') or 0)
end

-- `found` counts what became of the runs.
local function lapse(task, now, given, found)
  local fate = lose_run(task, now, given)
  local what = fate == 'released' and 'released' or 'lapsed'
  found[what] = found[what] + 1
  if fate == 'crashed_out' then found.crashed_out = found.crashed_out + 1 end
end
