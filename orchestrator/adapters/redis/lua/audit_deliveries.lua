-- What audit calls a fault of deliveries (deliveries.lua), and how each is mended: as of tasks, the record is the truth.

for kind, scan in pairs({outbox = 'ZSCAN', sending = 'ZSCAN', later = 'ZSCAN', untold = 'ZSCAN', outboxes = 'ZSCAN',
  senders = 'SSCAN', deliveries = 'SSCAN'}) do
  KEYS_OF_INDEXES[kind] = scan
end

local function name_in(key)
  return string.match(key, '^orch:%a+:(.+)$')
end

-- Whether the delivery is where its record says, in that outbox or among its senders if one is named.
local function is_there(id, place, outbox)
  local delivery = deliveries().load(id)
  return delivery and delivery.place == place and (not outbox or deliveries().outbox_of(delivery) == outbox)
end

local function look_at_entry(key, id, is_demanded, drop)
  if is_demanded then return end
  local kind = kind_of(key)
  found(exists('orch:delivery:' .. id) and 'stray' or 'orphan', kind, id, drop or function()
    redis.call(KEYS_OF_INDEXES[kind] == 'SSCAN' and 'SREM' or 'ZREM', key, id)
  end)
end

look_at_queue_entry.outbox = function(key, id)
  local outbox = name_in(key)
  look_at_entry(key, id, is_there(id, 'outbox', outbox), function() deliveries().leave_outbox(outbox, id) end)
end
look_at_queue_entry.sending = function(key, id) look_at_entry(key, id, is_there(id, 'sending')) end
look_at_queue_entry.senders = function(key, id) look_at_entry(key, id, is_there(id, 'sending', name_in(key))) end
look_at_queue_entry.later = function(key, id) look_at_entry(key, id, is_there(id, 'later')) end
look_at_queue_entry.untold = function(key, id)
  local delivery = deliveries().load(id)
  look_at_entry(key, id, delivery and delivery.status == 'pending')
end
look_at_queue_entry.outboxes = function(key, outbox)
  if exists('orch:outbox:' .. outbox) then return end
  found('stray', 'outboxes', outbox, function() redis.call('ZREM', key, outbox) end)
end
look_at_queue_entry.deliveries = function(key, destination)
  if exists('orch:delivery:' .. name_in(key) .. ':' .. destination) then return end
  found('orphan', 'deliveries', name_in(key), function() redis.call('SREM', key, destination) end)
end

-- An outbox that is full comes back into the round when one of its senders ends.
look_at_key.outbox = function(outbox)
  if redis.call('ZSCORE', 'orch:outboxes', outbox) or exists('orch:senders:' .. outbox) then return end
  found('missing', 'outboxes', outbox, function() deliveries().to_the_end(outbox) end)
end

local INDEX_OF = {outbox = function(outbox) return 'orch:outbox:' .. outbox end,
  sending = function() return 'orch:sending' end, later = function() return 'orch:later' end}

-- The index that the record names and that lacks it.
local function lacking(delivery, outbox)
  local index = INDEX_OF[delivery.place](outbox)
  if not redis.call('ZSCORE', index, delivery.id) then return delivery.place end
  local is_sender = delivery.place ~= 'sending' or redis.call('SISMEMBER', 'orch:senders:' .. outbox, delivery.id) == 1
  return not is_sender and 'senders' or nil
end

look_at_key.delivery = function(id, now)
  local of = deliveries()
  local delivery = of.load(id)
  if not delivery then return end
  if not exists('orch:task:' .. delivery.task) then
    return found('orphan', 'delivery', id, function() of.forget(delivery) end)
  end
  if redis.call('SISMEMBER', 'orch:deliveries:' .. delivery.task, delivery.destination) == 0 then
    found('missing', 'deliveries', id, function()
      redis.call('SADD', 'orch:deliveries:' .. delivery.task, delivery.destination)
    end)
  end
  local is_pending = delivery.status == 'pending'
  if is_pending ~= (INDEX_OF[delivery.place or ''] ~= nil) then
    return found('misplaced', 'delivery', id, function()
      if is_pending then of.begin(delivery, now) else of.leave_place(delivery) end
      of.store(delivery)
    end)
  end
  if not is_pending then return end
  local untold = 'orch:untold:' .. of.kind_of(delivery.destination)
  if not redis.call('ZSCORE', untold, id) then
    found('missing', 'untold', id, function() redis.call('ZADD', untold, delivery.since_ms, id) end)
  end
  local index = lacking(delivery, of.outbox_of(delivery))
  if not index then return end
  found('missing', index, id, function() -- who is sending it finds that it has lost it, and another tells it
    of.leave_place(delivery)
    of.enter_outbox(delivery, now)
    of.store(delivery)
  end)
end

look_at_key.claimed = function(claim) -- it lives for one lease; without an end it would live for ever
  if redis.call('PTTL', 'orch:claimed:' .. claim) == -1 then
    found('orphan', 'claimed', claim, function() redis.call('DEL', 'orch:claimed:' .. claim) end)
  end
end
