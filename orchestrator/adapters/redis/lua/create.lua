-- include: uploads
-- The making of a task: the record, its place and its first event.
-- given: every field of the record (content, webhook, journal and expires_ms: or nothing), head_start_ms, start_by_in_ms (or empty), upload (the key of one that it uses, or empty)

local function new_task(given, now)
  return {
    schema = given.schema, id = given.id, project = given.project, type = given.type, lane = given.lane,
    pool = pool_of(given.project), model = given.model, input = given.input, params = given.params,
    labels = given.labels, priority = given.priority, predicted_s = given.predicted_s,
    request_sha256 = given.request_sha256, idem = given.idem, run_for_s = given.run_for_s, status = 'queued',
    generation = 1, epoch = 0, rank = now - given.head_start_ms, created_ms = now, updated_ms = now,
    content = given.content, webhook = given.webhook, journal = given.journal,
    expires_ms = given.expires_ms, retentions = retentions_of(given.project),
  }
end

-- Whoever journals what it accepts accepts nothing while the records are made anew, nor before, in a store that has lost
-- them (ADR 0041).
--
--   orch:journal   string   "open", or "rebuilding"; nothing in a store that is new, or has lost everything

local function is_read_only(given)
  return given.journal and redis.call('GET', 'orch:journal') ~= 'open'
end

-- Queued, for the first time in this store.
local function enter(task, given, now, data)
  if given.start_by_in_ms ~= '' then
    task.start_by_ms = task.created_ms + given.start_by_in_ms
    redis.call('ZADD', 'orch:deadlines', task.start_by_ms, task.id)
  end
  if task.content then return following().enter(task, now, data) end
  enter_ready(task, now)
  emit(task, 'queued', now, data)
  save(task)
end

local function create(task, given, now)
  redis.call('ZADD', 'orch:tasks:' .. task.project, 0, task.id)
  if given.upload ~= '' then use_upload(given.upload, now) end
  enter(task, given, now)
end
