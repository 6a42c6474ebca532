#!lua flags=allow-oom
-- include: turn, places, breakers
-- claim_deliveries: hand out up to one delivery per given claim, each of the outbox whose turn it is, with its task and
-- the lines that are to be told. Idempotent by claim.
-- given: claims (space separated), lease_ms, at_once (JSON: by kind, the most of one outbox that are sent at once)

local now, given = clock_ms(), arguments()
local LOOKED_AT, LET_IN = 256, 64
local UNKNOWN_FOR_MS = 10000 -- no worker that is newer than we are waits longer for it
local of = deliveries()
local at_once = cjson.decode(given.at_once)

-- What held them back is over, or may be.
local function let_in()
  local held = redis.call('ZRANGE', 'orch:outboxes', PARKED, PARKED + now, 'BYSCORE', 'LIMIT', 0, LET_IN)
  for _, outbox in ipairs(held) do of.to_the_end(outbox) end
end

-- The oldest of an outbox, if it is one; an entry astray is dropped.
local function oldest_in(outbox)
  local id = redis.call('ZRANGE', 'orch:outbox:' .. outbox, 0, 0)[1]
  local delivery = id and of.load(id)
  if delivery and delivery.place == 'outbox' and of.outbox_of(delivery) == outbox then
    local task = load_task(delivery.task)
    if task then return delivery, task end
    of.forget(delivery)
  else
    of.leave_outbox(outbox, id or '')
  end
end

-- An outbox without room for one more sender leaves the round until one of them ends.
local function next_delivery()
  for _ = 1, LOOKED_AT do
    local head = redis.call('ZRANGE', 'orch:outboxes', 0, 0, 'WITHSCORES')
    local outbox = head[1]
    if not outbox or tonumber(head[2]) >= PARKED then return end
    local channel = string.match(outbox, '^[^:]+:(.+)$')
    local most, breaker = at_once[string.match(channel, '^%a+')], breaker_of(channel)
    if not most then
      of.hold_back(outbox, now + UNKNOWN_FOR_MS)
    elseif breaker and now < breaker.retry_ms then
      of.hold_back(outbox, breaker.retry_ms)
    elseif redis.call('SCARD', 'orch:senders:' .. outbox) >= most then
      redis.call('ZREM', 'orch:outboxes', outbox)
    else
      local delivery, task = oldest_in(outbox)
      if delivery then return delivery, task end
    end
  end
end

local function start(delivery, claim)
  of.leave_place(delivery)
  of.enter_sending(delivery, claim, now + given.lease_ms, given.lease_ms)
  local outbox = of.outbox_of(delivery)
  if redis.call('EXISTS', 'orch:outbox:' .. outbox) == 1 then of.to_the_end(outbox) end
  delivery.tells_progress, delivery.progress = delivery.progress, nil
  of.store(delivery)
end

local function repeated(claim)
  local id = redis.call('GET', 'orch:claimed:' .. claim)
  local delivery = id and of.load(id)
  if delivery and delivery.claim == claim then return delivery, load_task(delivery.task) end
end

local function lines_of(delivery)
  local lines = {}
  for _, line in ipairs(redis.call('XRANGE', 'orch:events:' .. delivery.task, '(' .. delivery.cursor, '+')) do
    if of.is_asked_for(delivery.events, line[2][2]) then lines[#lines + 1] = line end
  end
  return lines
end

let_in()
local claimed = {}
for claim in string.gmatch(given.claims, '%S+') do
  local delivery, task = repeated(claim)
  if not delivery then
    delivery, task = next_delivery()
    if not delivery then break end
    start(delivery, claim)
  end
  if task then claimed[#claimed + 1] = {reply(delivery), reply(task), lines_of(delivery)} end
end
return claimed
