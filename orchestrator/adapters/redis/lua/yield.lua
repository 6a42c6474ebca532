-- Making room for tasks that run alone (ADR 0017): some owners of a busy lane are told to yield and go to its solo lane.
--
--   orch:yields:<solo lane>   zset   owners that were told and have not come yet, by when

local LOOKED_AT = 256

local function count_waiting(lane, until_ms, now, given)
  local count = 0
  for _, project in ipairs(redis.call('ZRANGE', 'orch:turn:' .. lane, 0, LOOKED_AT - 1)) do
    local stocks = redis.call('SMEMBERS', 'orch:models:' .. lane .. ':' .. project)
    if is_paused('project', project) or is_at_quota(project, now, given) then stocks = {} end
    for _, stock in ipairs(stocks) do
      local key = 'orch:ready:' .. lane .. ':' .. project .. ':' .. stock
      if may_run(stock) then count = count + redis.call('ZCOUNT', key, '-inf', until_ms) end
    end
  end
  return count
end

-- One owner a task that has waited too long (its rank says since when). One that does not come, dead or busy for long,
-- counts only as long again. given: lane, owner, yield_after_ms (or empty), and the quotas of claim
local function must_yield(given, now)
  local solo = solo_lane(given.lane)
  if given.yield_after_ms == '' or redis.call('EXISTS', 'orch:turn:' .. solo) == 0 then return false end
  if is_lane_paused(solo) then return false end
  local key, long_ago = 'orch:yields:' .. solo, now - given.yield_after_ms
  redis.call('ZREMRANGEBYSCORE', key, '-inf', long_ago)
  local waiting = count_waiting(solo, long_ago, now, given)
  if waiting > 0 and redis.call('ZSCORE', key, given.owner) then return true end
  if waiting <= redis.call('ZCARD', key) then return false end
  redis.call('ZADD', key, now, given.owner)
  redis.call('PEXPIRE', key, given.yield_after_ms)
  return true
end

-- Whoever claims in a solo lane is not waited for any longer.
local function has_come(given)
  redis.call('ZREM', 'orch:yields:' .. given.lane, given.owner)
end
