#!lua flags=allow-oom
-- include: turn, places
-- wake_deliveries: those that are due, and those whose sender is gone, may be claimed again. Says how much is to be told.
-- given: limit, kinds (space separated)

local now, given = clock_ms(), arguments()
local of = deliveries()

local function wake(key, place)
  local woken = 0
  for _, id in ipairs(redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, given.limit)) do
    local delivery = of.load(id)
    if delivery and delivery.place == place then
      of.take_back(delivery)
      woken = woken + 1
    else
      redis.call('ZREM', key, id)
    end
  end
  return woken
end

local lapsed, due = wake('orch:sending', 'sending'), wake('orch:later', 'later')
local untold = {}
for kind in string.gmatch(given.kinds, '%S+') do
  local key = 'orch:untold:' .. kind
  local since = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  untold[#untold + 1] = {kind, redis.call('ZCARD', key), since and math.max(0, math.floor(now - since)) or 0}
end
local claimable = redis.call('ZCOUNT', 'orch:outboxes', '-inf', PARKED + now)
return {lapsed, due, claimable, untold}
