-- The walk of audit: key by key in the order of SCAN, and entry by entry in an index. It needs no list of anything, so
-- it also finds what no list knows of. `state` says where it stands: {cursor, pending = keys of indexes, inner}, and
-- when it began and which backlogs it has met.

local KEYS_OF_INDEXES = {
  ready = 'ZSCAN', leases = 'ZSCAN', delayed = 'ZSCAN', deadlines = 'ZSCAN', ended = 'ZSCAN', tasks = 'in order',
  kept = 'in order',
  turn = 'ZSCAN', tags = 'ZSCAN', held = 'SSCAN', models = 'SSCAN', lanes = 'SSCAN', running = 'SSCAN', queued = 'SSCAN',
  at_quota = 'SSCAN', followers = 'ZSCAN', parts = 'ZSCAN', planned = 'ZSCAN', pinned = 'HSCAN', pins = 'SSCAN',
}
local A_DAY_MS = 86400000
local SETS_OF_TASKS = {held = true, running = true, queued = true, pins = true}
local looked = 0

local function exists(key) return redis.call('EXISTS', key) == 1 end

-- An entry that names a task: is it demanded?
local function look_at_task_entry(key, id, given)
  local kind, task = kind_of(key), look_up(id)
  local is_ours = task and not is_broken(task) and not is_beyond_us(task, tonumber(given.schema))
  if task and (not is_ours or demands(task)[key] ~= nil) then return end
  found(task and 'stray' or 'orphan', kind, id, function()
    local lane, project, stock = string.match(key, '^orch:ready:([^:]+):([^:]+):(.+)$')
    if lane then
      leave_ready({id = id, lane = lane, project = project, stock = stock})
    else
      redis.call(SETS_OF_TASKS[kind] and 'SREM' or 'ZREM', key, id)
    end
  end)
end

-- The fair queue: a lane has a turn, a project in it has models, a model has a ready set, and the other way round.
local look_at_queue_entry = {
  models = function(key, stock)
    local lane, project = string.match(key, '^orch:models:([^:]+):(.+)$')
    if exists('orch:ready:' .. lane .. ':' .. project .. ':' .. stock) then return end
    found('stray', 'models', stock, function()
      redis.call('SREM', key, stock)
      if not exists(key) then leave_turn(lane, project) end
    end)
  end,
  turn = function(key, project)
    local lane = string.match(key, '^orch:turn:(.+)$')
    if not exists('orch:models:' .. lane .. ':' .. project) then
      found('stray', 'turn', project, function() leave_turn(lane, project) end)
    end
  end,
  tags = function(key, project)
    local turn = 'orch:turn:' .. string.match(key, '^orch:tags:(.+)$')
    local tag = redis.call('ZSCORE', turn, project)
    if not exists(turn) or tag and tonumber(tag) < PARKED then
      found('stray', 'tags', project, function() redis.call('ZREM', key, project) end)
    end
  end,
  at_quota = function(key, lane)
    local tag = redis.call('ZSCORE', 'orch:turn:' .. lane, string.match(key, '^orch:at_quota:(.+)$'))
    if not tag or tonumber(tag) < PARKED then
      found('stray', 'at_quota', lane, function() redis.call('SREM', key, lane) end)
    end
  end,
  pinned = function(key, project)
    if not pool_of(project) then
      found('stray', 'pinned', project, function() redis.call('HDEL', key, project) end)
    end
  end,
  lanes = function(key, lane)
    if not exists('orch:turn:' .. lane) then
      found('stray', 'lanes', lane, function() redis.call('SREM', key, lane) end)
    end
  end,
  kept = function(_, entry)
    local upload = string.match(entry, '^%S+')
    if not (redis.call('ZSCORE', 'orch:uploads', upload) or redis.call('ZSCORE', 'orch:offers', upload)) then
      found('stray', 'kept', upload, function() give_back(upload) end)
    end
  end,
}

local look_at_key = {
  task = function(id, now, given) look_at_record(id, now, given) end,
  clock = function(lane) -- without a turn it is kept for a while only
    if not exists('orch:turn:' .. lane) and redis.call('PTTL', 'orch:clock:' .. lane) == -1 then
      found('orphan', 'clock', lane, function() redis.call('DEL', 'orch:clock:' .. lane) end)
    end
  end,
  ready = function(rest)
    local lane, project, stock = string.match(rest, '^([^:]+):([^:]+):(.+)$')
    if not lane then return end
    local models, turn = 'orch:models:' .. lane .. ':' .. project, 'orch:turn:' .. lane
    if redis.call('SISMEMBER', models, stock) == 0 then
      found('missing', 'models', stock, function() redis.call('SADD', models, stock) end)
    end
    if not redis.call('ZSCORE', turn, project) then
      found('missing', 'turn', project, function() join_turn(lane, project) end)
    end
    if redis.call('SISMEMBER', 'orch:lanes', lane) == 0 then
      found('missing', 'lanes', lane, function() redis.call('SADD', 'orch:lanes', lane) end)
    end
  end,
  project = function(slug)
    local pool = pool_of(slug)
    if pool and redis.call('HGET', 'orch:pinned', slug) ~= pool then
      found('missing', 'pinned', slug, function() redis.call('HSET', 'orch:pinned', slug, pool) end)
    end
  end,
  idem = function(rest) -- it lives for a day; an older version made keys without an answer and without an end
    local key = 'orch:idem:' .. rest
    local seen = redis.call('HMGET', key, 'task', 'created_ms')
    if not seen[2] and not (seen[1] and exists('orch:task:' .. seen[1])) then
      found('orphan', 'idem', seen[1] or key, function() redis.call('DEL', key) end)
    elseif redis.call('PTTL', key) == -1 then
      found('missing', 'idem', seen[1], function() redis.call('PEXPIRE', key, A_DAY_MS) end)
    end
  end,
  content = function(rest)
    local key = 'orch:content:' .. rest
    local id = redis.call('GET', key)
    if redis.call('HGET', 'orch:task:' .. id, 'content') ~= string.match(rest, ':(.+)$') then
      found('orphan', 'content', id, function() redis.call('DEL', key) end)
    end
  end,
  usage = function(project)
    for of, index in pairs({[OF_TASKS] = 'orch:tasks:', [OF_UPLOADS] = 'orch:kept:'}) do
      local key, sum = 'orch:usage:' .. project, {of .. 'bytes', of .. 'walked', of .. 'walked_to'}
      local read = redis.call('HMGET', key, unpack(sum))
      if (read[1] or read[2] or read[3]) and not exists(index .. project) then
        found('orphan', 'usage', project, function() redis.call('HDEL', key, unpack(sum)) end)
      end
    end
  end,
  run = function(run_id) -- it lives for one lease; without an end it would live for ever
    if redis.call('PTTL', 'orch:run:' .. run_id) == -1 then
      found('orphan', 'run', run_id, function() redis.call('DEL', 'orch:run:' .. run_id) end)
    end
  end,
  story = function(project) -- purge ends it with the last task of the project
    if not exists('orch:tasks:' .. project) then
      found('orphan', 'story', project, function() redis.call('DEL', 'orch:story:' .. project) end)
    end
  end,
}
for _, kind in ipairs({'events', 'attempts'}) do
  look_at_key[kind] = function(id)
    if not exists('orch:task:' .. id) then
      found('orphan', kind, id, function() redis.call('DEL', 'orch:' .. kind .. ':' .. id) end)
    end
  end
end

-- What counts, and where each of it says how much.
local bytes_of = {
  tasks = function(id) return redis.call('HGET', 'orch:task:' .. id, 'bytes') or 0 end,
  kept = function(entry) return string.match(entry, ' (%d+)$') or 0 end,
}

-- Counts a project's bytes anew, page by page of its tasks or uploads (stored.lua).
local function recount(kind, project, members, is_first, is_last)
  local key, of, sum = 'orch:usage:' .. project, kind == 'tasks' and OF_TASKS or OF_UPLOADS, 0
  for _, member in ipairs(members) do sum = sum + bytes_of[kind](member) end
  if is_first then redis.call('HSET', key, of .. 'walked', 0) end
  local walked = redis.call('HINCRBY', key, of .. 'walked', sum)
  if not is_last then return redis.call('HSET', key, of .. 'walked_to', members[#members]) end
  redis.call('HDEL', key, of .. 'walked', of .. 'walked_to')
  if walked ~= tonumber(redis.call('HGET', key, of .. 'bytes') or 0) then
    found('drift', 'usage', project, function() redis.call('HSET', key, of .. 'bytes', walked) end)
  end
end

-- In lexical order, which is that of ids and keys.
local function page_in_order(key, inner, limit)
  local is_first = inner == '0'
  local members = redis.call('ZRANGE', key, is_first and '-' or '(' .. inner, '+', 'BYLEX', 'LIMIT', 0, limit)
  local is_last = #members < limit
  if mending then recount(kind_of(key), string.match(key, '^orch:%a+:(.+)$'), members, is_first, is_last) end
  return {is_last and '0' or members[#members], members}
end

-- The next entries of one index; the cursor of the rest.
local function look_into(key, inner, limit, given)
  local kind = kind_of(key)
  local scan, look = KEYS_OF_INDEXES[kind], look_at_queue_entry[kind] or look_at_task_entry
  local page = scan == 'in order' and page_in_order(key, inner, limit) or redis.call(scan, key, inner, 'COUNT', limit)
  local step = (scan == 'ZSCAN' or scan == 'HSCAN') and 2 or 1
  for i = 1, #page[2], step do
    looked = looked + 1
    look(key, page[2][i], given)
  end
  return page[1]
end

-- Every record has been looked at since: what is still filed under an earlier hour is nobody's. A look that mends
-- nothing has filed nothing again, so it cannot know.
local function look_at_backlog(lane, began)
  local key, left_over = 'orch:backlog:' .. lane, {}
  if not exists('orch:turn:' .. lane) then
    return found('orphan', 'backlog', lane, function() redis.call('DEL', key) end)
  end
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if tonumber(string.match(field, '^%d+')) < began then table.insert(left_over, field) end
  end
  if mending and left_over[1] then
    found('drift', 'backlog', lane, function() redis.call('HDEL', key, unpack(left_over)) end)
  end
end

-- The next keys: most are looked at now, the entries of indexes afterwards.
local function next_keys(state, limit, now, given)
  local batch = redis.call('SCAN', state.cursor, 'MATCH', 'orch:*', 'COUNT', limit)
  state.cursor, state.is_last, looked = batch[1], batch[1] == '0', looked + 1
  for _, key in ipairs(batch[2]) do
    looked = looked + 1
    local kind, rest = string.match(key, '^orch:([%a_]+):?(.*)$')
    if look_at_key[kind] then look_at_key[kind](rest, now, given) end
    if KEYS_OF_INDEXES[kind] then table.insert(state.pending, key) end
    if kind == 'backlog' then state.backlogs[rest] = true end
  end
end

-- About `limit` looks, so few that no claim waits for them. Returns whether the walk has come round, and what to hand
-- in next time.
local function walk(text, limit, now, given)
  local state = text ~= '' and cjson.decode(text) or {cursor = '0', inner = '0', pending = {}}
  state.backlogs = state.backlogs or {}
  state.began = state.began or math.floor(now / FILED_FOR_MS)
  given.began = state.began
  while looked < limit do
    local key = state.pending[#state.pending]
    if key then
      state.inner = look_into(key, state.inner, limit - looked, given)
      if state.inner == '0' then table.remove(state.pending) end
    elseif state.is_last then
      for lane in pairs(state.backlogs) do
        if exists('orch:backlog:' .. lane) then look_at_backlog(lane, state.began) end
      end
      return 1, ''
    else
      next_keys(state, limit - looked, now, given)
    end
  end
  return 0, cjson.encode(state)
end

local function tally()
  local flat = {}
  for schema, count in pairs(schemas) do
    flat[#flat + 1] = schema
    flat[#flat + 1] = count
  end
  return flat
end
