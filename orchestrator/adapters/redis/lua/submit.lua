#!lua
-- include: turn, places, admission, create
-- submit: the Idempotency-Key first, then quotas and limits, then the task, all or nothing.
-- Refused when memory is full (no allow-oom): what was accepted before must still be able to finish.
-- given: what create.lua needs, idem (the key, or empty) and with it answer and answer_kept_ms, and the limits of admission.lua

local now, given = clock_ms(), arguments()

local idem = given.idem ~= '' and 'orch:idem:' .. given.project .. ':' .. given.idem
if idem then
  local seen = redis.call('HMGET', idem, 'request_sha256', 'task', 'created_ms')
  if seen[1] and seen[1] ~= given.request_sha256 then return {'conflict'} end
  local is_known = seen[2] and seen[2] ~= given.id and (seen[3] or redis.call('EXISTS', 'orch:task:' .. seen[2]) == 1)
  if is_known then return {'replayed'} end
end

-- The same id again is our own command repeated after a lost reply.
local task = load_task(given.id)
if task then return {'created', reply(task)} end

task = new_task(given, now)
local refused = refusal(task, given)
if refused then return refused end
if idem then
  task.idem_until_ms = now + given.answer_kept_ms
  redis.call('HSET', idem, 'request_sha256', given.request_sha256, 'task', task.id, 'created_ms', now,
    'answer', given.answer)
  redis.call('PEXPIREAT', idem, task.idem_until_ms)
end
create(task, given, now)
return {'created', reply(task)}
