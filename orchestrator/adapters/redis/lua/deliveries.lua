-- Whom a task tells what becomes of it (ADR 0037). A delivery is what one destination is told of one task: its record
-- says how far that has come, and one sender at a time goes on from there.
--
--   orch:endpoints:<project>            hash    a project's destinations: each its channel, and the events it asks for
--   orch:delivery:<task>:<destination>  hash    the record; its id is the key without what is before the task
--   orch:deliveries:<task>              set     its destinations, forgotten with it
--   orch:outbox:<project>:<channel>     zset    id by since when         place "outbox"
--   orch:sending                        zset    id by expiry             place "sending"
--   orch:later                          zset    id by due time           place "later"
--   orch:untold:<kind>                  zset    id by since when, of all that are pending
--   orch:outboxes                       zset    outboxes by whose turn it is; behind them all those that are held back
--   orch:senders:<project>:<channel>    set     ids of an outbox that are being sent
--   orch:claimed:<claim>                string  the id that a claim handed out, so that a repeated claim repeats
--
-- A claim is `<owner>/<random>`: of a sender that is known to be dead nobody waits for the lapse.
--
-- A delivery that is pending is in exactly one place, and its field `place` says in which. Few tasks tell anybody
-- anything, so all of this is made when it is asked for, as in following.lua.

local delivery_parts

function deliveries()
  if delivery_parts then return delivery_parts end
  local OF_ITSELF = 'queued running succeeded failed canceled' -- what is told to who names no events
  local TERMINAL = 'succeeded failed canceled'

  local function load(id) return load_record('orch:delivery:' .. id) end

  local function store(delivery) save_record('orch:delivery:' .. delivery.id, delivery) end

  local function outbox_of(delivery) return delivery.project .. ':' .. delivery.channel end

  local function kind_of_destination(destination) return string.match(destination, '^%a+') end

  local function is_asked_for(events, kind)
    return string.find(' ' .. events .. ' ', ' ' .. kind .. ' ', 1, true) ~= nil
  end

  local function is_before(line, other)
    local generation, seq = string.match(line, '^(%d+)-(%d+)$')
    local other_generation, other_seq = string.match(other, '^(%d+)-(%d+)$')
    generation, other_generation = tonumber(generation), tonumber(other_generation)
    return generation < other_generation or generation == other_generation and tonumber(seq) < tonumber(other_seq)
  end

  -- Its turn comes after that of all others who wait now: round robin.
  local function to_the_end(outbox)
    local last = redis.call('ZRANGE', 'orch:outboxes', '(' .. PARKED, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
    redis.call('ZADD', 'orch:outboxes', (last[2] or 0) + 1, outbox)
  end

  local function join(outbox)
    if not redis.call('ZSCORE', 'orch:outboxes', outbox) then to_the_end(outbox) end
  end

  -- Whatever is in it, nothing of it is claimed before then.
  local function hold_back(outbox, until_ms)
    redis.call('ZADD', 'orch:outboxes', 'XX', PARKED + until_ms, outbox)
  end

  -- When the first of it may be claimed again; nil if it may be now.
  local function held_until(outbox, now)
    local score = tonumber(redis.call('ZSCORE', 'orch:outboxes', outbox) or 0)
    return score > PARKED + now and score - PARKED or nil
  end

  local function enter_outbox(delivery, now)
    redis.call('ZADD', 'orch:outbox:' .. outbox_of(delivery), now, delivery.id)
    delivery.place = 'outbox'
    join(outbox_of(delivery))
  end

  local function enter_later(delivery, due)
    redis.call('ZADD', 'orch:later', due, delivery.id)
    delivery.place, delivery.due_ms = 'later', due
  end

  local function enter_sending(delivery, claim, expiry, lease_ms)
    redis.call('ZADD', 'orch:sending', expiry, delivery.id)
    redis.call('SADD', 'orch:senders:' .. outbox_of(delivery), delivery.id)
    redis.call('SET', 'orch:claimed:' .. claim, delivery.id, 'PX', lease_ms)
    delivery.place, delivery.claim = 'sending', claim
  end

  local function leave_outbox(outbox, id)
    redis.call('ZREM', 'orch:outbox:' .. outbox, id)
    if redis.call('EXISTS', 'orch:outbox:' .. outbox) == 0 then redis.call('ZREM', 'orch:outboxes', outbox) end
  end

  -- An outbox with as many senders as it may have has left the round; each that ends lets it in again.
  local function leave_place(delivery)
    local outbox = outbox_of(delivery)
    if delivery.place == 'outbox' then
      leave_outbox(outbox, delivery.id)
    elseif delivery.place == 'sending' then
      redis.call('ZREM', 'orch:sending', delivery.id)
      redis.call('SREM', 'orch:senders:' .. outbox, delivery.id)
      redis.call('DEL', 'orch:claimed:' .. delivery.claim)
      if redis.call('EXISTS', 'orch:outbox:' .. outbox) == 1 then join(outbox) end
    elseif delivery.place == 'later' then
      redis.call('ZREM', 'orch:later', delivery.id)
    end
    delivery.place, delivery.claim, delivery.due_ms = nil, nil, nil
  end

  -- There is something to tell, and nobody knows it yet.
  local function begin(delivery, now)
    leave_place(delivery)
    delivery.status, delivery.tries, delivery.since_ms, delivery.updated_ms = 'pending', 0, now, now
    redis.call('ZADD', 'orch:untold:' .. kind_of_destination(delivery.destination), now, delivery.id)
    enter_outbox(delivery, now)
  end

  -- The process that is sending it now, as far as its claim says.
  local function sender_of(id)
    local claim = redis.call('HGET', 'orch:delivery:' .. id, 'claim')
    return claim and string.match(claim, '^(.+)/')
  end

  -- Its sender is gone.
  local function take_back(delivery)
    leave_place(delivery)
    enter_outbox(delivery, delivery.since_ms)
    store(delivery)
  end

  -- Nothing is left to tell, or nobody to be told. It has left its place already.
  local function conclude(delivery, status, now)
    delivery.status, delivery.since_ms, delivery.updated_ms = status, nil, now
    redis.call('ZREM', 'orch:untold:' .. kind_of_destination(delivery.destination), delivery.id)
  end

  -- Those who may be told of the task, each with its channel and the events it asks for.
  local function each_destination(task, endpoints, visit)
    for i = 1, #endpoints, 2 do
      local channel, events = string.match(endpoints[i + 1], '^(%S+) ?(.*)$')
      visit(endpoints[i], channel, events == '' and OF_ITSELF or events)
    end
    if task.webhook then
      local own = cjson.decode(task.webhook)
      local events = type(own.events) == 'table' and table.concat(own.events, ' ') or ''
      visit('webhook:task', own.channel, events == '' and OF_ITSELF or events)
    end
    if task.journal then visit('journal', 'journal', TERMINAL) end
  end

  -- The task's delivery to that destination; a new one begins after the line `before`. Its channel may have changed since.
  local function delivery_of(task, destination, channel, events, before)
    local id = task.id .. ':' .. destination
    local delivery = load(id)
    if not delivery then
      redis.call('SADD', 'orch:deliveries:' .. task.id, destination)
      delivery = {id = id, task = task.id, destination = destination, project = task.project, channel = channel,
        cursor = before, wanted = before, tries = 0}
    end
    delivery.events = events
    if delivery.channel ~= channel and delivery.place ~= 'sending' then
      local is_ready, score = delivery.place == 'outbox', delivery.since_ms
      if is_ready then leave_place(delivery) end
      delivery.channel = channel
      if is_ready then enter_outbox(delivery, score) end
    end
    return delivery
  end

  -- What a task itself names cannot be enabled again once its receiver is gone for good.
  local function is_over(delivery)
    local is_own = delivery.destination == 'webhook:task'
    return is_own and delivery.status == 'failed' and delivery.last_code == 'endpoint_disabled'
  end

  -- A change of status, whose line has just been written.
  local function tell(task, kind, now, endpoints)
    each_destination(task, endpoints, function(destination, channel, events)
      if kind == 'running' and is_asked_for(events, 'progress') then task.tells_progress = 1 end
      if not is_asked_for(events, kind) then return end
      local before = task.generation .. '-' .. task.seq - 1
      local delivery = delivery_of(task, destination, channel, events, before)
      delivery.wanted = task.generation .. '-' .. task.seq
      if not delivery.place and not is_over(delivery) then begin(delivery, now) end
      store(delivery)
    end)
  end

  -- To who asks for it, and no more often than that (given: progress_every_ms).
  local function tell_progress(task, now)
    local endpoints, every_ms = redis.call('HGETALL', 'orch:endpoints:' .. task.project), arguments().progress_every_ms
    each_destination(task, endpoints, function(destination, channel, events)
      if not is_asked_for(events, 'progress') then return end
      local delivery = delivery_of(task, destination, channel, events, task.generation .. '-' .. task.seq)
      if now - (delivery.progress_ms or 0) < tonumber(every_ms) or delivery.status == 'failed' then return end
      delivery.progress, delivery.progress_ms = 1, now
      if not delivery.place then begin(delivery, now) end
      store(delivery)
    end)
  end

  -- The delivery, if that claim still holds it.
  local function held(given)
    local delivery = load(given.id)
    if delivery and delivery.claim == given.claim then return delivery end
  end

  -- What the destination has just said.
  local function note_answer(delivery, given, now)
    delivery.updated_ms = now
    if given.code == '' then return end
    delivery.last_ms, delivery.last_code, delivery.last_text = now, given.code, given.text
  end

  -- The destination has taken all up to the cursor that is given.
  local function note_taken(delivery, given, now)
    delivery.cursor, delivery.tries = given.cursor, 0
    note_answer(delivery, given, now)
  end

  local function each_of(task_id, visit)
    for _, destination in ipairs(redis.call('SMEMBERS', 'orch:deliveries:' .. task_id)) do
      local delivery = load(task_id .. ':' .. destination)
      if delivery then visit(delivery) end
    end
  end

  -- Whether somebody has not been told everything of the task.
  local function is_pending(task_id)
    local found = false
    each_of(task_id, function(delivery) found = found or delivery.status == 'pending' end)
    return found
  end

  local function forget(delivery)
    leave_place(delivery)
    conclude(delivery, 'failed', 0)
    redis.call('DEL', 'orch:delivery:' .. delivery.id)
    redis.call('SREM', 'orch:deliveries:' .. delivery.task, delivery.destination)
  end

  delivery_parts = {
    load = load, store = store, outbox_of = outbox_of, kind_of = kind_of_destination, is_asked_for = is_asked_for,
    is_before = is_before, to_the_end = to_the_end, hold_back = hold_back, held_until = held_until, enter_outbox = enter_outbox,
    enter_later = enter_later, enter_sending = enter_sending, leave_outbox = leave_outbox, leave_place = leave_place,
    begin = begin, sender_of = sender_of, take_back = take_back, conclude = conclude, tell = tell,
    tell_progress = tell_progress, held = held, note_answer = note_answer, note_taken = note_taken, each_of = each_of,
    is_pending = is_pending, forget = forget,
  }
  return delivery_parts
end
