-- Judging silence: who lost a run, and when silence proves nothing.

local SHORTEST_GAP_MS = 2000
local GAPS_IN_A_ROW = 10

-- The signs of life of this store, which every tick of reconcile and every beat leave (ADR 0023).
local function life_signs()
  local read = redis.call('HMGET', 'orch:reconcile', 'alive_ms', 'grace_until_ms', 'gaps')
  return {alive_ms = tonumber(read[1] or 0), grace_until_ms = tonumber(read[2] or 0), gaps = tonumber(read[3] or 0)}
end

-- Nothing has got through for so long that who was not heard may well be alive. A shorter gap leaves every healthy run
-- most of its lease. After too many gaps in which nobody beat, it is only the ticks that are slow.
local function is_gap(signs, now, lease_ms)
  return now - signs.alive_ms > math.max(SHORTEST_GAP_MS, lease_ms / 3) and signs.gaps < GAPS_IN_A_ROW
end

-- After a gap every run gets a lease's time to be heard again.
local function in_grace(now, lease_ms)
  local signs = life_signs()
  return is_gap(signs, now, lease_ms) or now < signs.grace_until_ms
end

local function sign_of_life(now, lease_ms, is_beat)
  local signs = life_signs()
  if is_gap(signs, now, lease_ms) then
    signs.gaps, signs.grace_until_ms = signs.gaps + 1, now + lease_ms
  end
  redis.call('HSET', 'orch:reconcile', 'alive_ms', now, 'grace_until_ms', signs.grace_until_ms,
    'gaps', is_beat and 0 or signs.gaps)
end

-- `found` counts what became of the runs.
local function lapse(task, now, given, found)
  local fate = lose_run(task, now, given)
  local what = fate == 'released' and 'released' or 'lapsed'
  found[what] = found[what] + 1
  if fate == 'crashed_out' then found.crashed_out = found.crashed_out + 1 end
end
