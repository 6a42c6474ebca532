#!lua
-- include: turn, places, admission
-- submit: the Idempotency-Key first, then quotas and limits, then the record, its place and its first event, all or nothing.
-- Refused when memory is full (no allow-oom): what was accepted before must still be able to finish.
-- given: every field of the record, idem (the key, or empty), head_start_ms, start_by_in_ms (or empty),
-- and the limits of admission.lua

local now, given = clock_ms(), arguments()

local idem = given.idem ~= '' and 'orch:idem:' .. given.project .. ':' .. given.idem
if idem then
  local seen = redis.call('HMGET', idem, 'request_sha256', 'task')
  if seen[1] and seen[1] ~= given.request_sha256 then return {'conflict'} end
  local first = seen[2] and load_task(seen[2])
  if first then return {'replayed', reply(first)} end
end

-- The same id again is our own command repeated after a lost reply.
local task = load_task(given.id)
if task then return {'created', reply(task)} end

task = {
  schema = given.schema, id = given.id, project = given.project, type = given.type, lane = given.lane,
  model = given.model, input = given.input, params = given.params, labels = given.labels, priority = given.priority,
  predicted_s = given.predicted_s, request_sha256 = given.request_sha256, idem = given.idem, run_for_s = given.run_for_s,
  status = 'queued', generation = 1, epoch = 0, rank = now - given.head_start_ms, created_ms = now, updated_ms = now,
}
local refused = refusal(task, given)
if refused then return refused end
if given.start_by_in_ms ~= '' then
  task.start_by_ms = now + given.start_by_in_ms
  redis.call('ZADD', 'orch:deadlines', task.start_by_ms, task.id)
end
redis.call('ZADD', 'orch:tasks:' .. task.project, 0, task.id)
if idem then redis.call('HSET', idem, 'request_sha256', given.request_sha256, 'task', task.id) end
if given.upload ~= '' then redis.call('ZADD', 'orch:uploads', 'XX', now, given.upload) end
enter_ready(task, now)
emit(task, 'queued', now)
save(task)
return {'created', reply(task)}
