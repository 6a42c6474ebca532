-- The first answer to an Idempotency-Key, for as long as it is kept.
-- given: project, idem (the key, or empty), request_sha256, and with a key answer and answer_kept_ms

local function answer_key(given)
  return given.idem ~= '' and 'orch:idem:' .. given.project .. ':' .. given.idem
end

-- What another submit with the key means for this one, which makes the task `id` (or that one first): "conflict",
-- "replayed", or nothing.
local function seen_before(key, given, id)
  local seen = redis.call('HMGET', key, 'request_sha256', 'task', 'created_ms')
  if seen[1] and seen[1] ~= given.request_sha256 then return 'conflict' end
  local is_known = seen[2] and seen[2] ~= id and (seen[3] or redis.call('EXISTS', 'orch:task:' .. seen[2]) == 1)
  if is_known then return 'replayed' end
end

-- Says until when.
local function keep_answer(key, given, id, now)
  redis.call('HSET', key, 'request_sha256', given.request_sha256, 'task', id, 'created_ms', now, 'answer', given.answer)
  redis.call('PEXPIREAT', key, now + given.answer_kept_ms)
  return now + given.answer_kept_ms
end
