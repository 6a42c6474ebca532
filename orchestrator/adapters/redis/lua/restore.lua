#!lua
-- include: turn, places, stored, create, answers, deletion
-- restore: make tasks again that a store which is lost has held, as the journal tells of them. One that is there stays as it is.
-- Refused when memory is full.
-- given: tasks (JSON: what create.lua and answers.lua need of each, with created_ms, generation, epoch, answer_key, ended or
-- nothing, and is_deleted), tell_again_ms, dry_run (1 or empty: change nothing)

local now, given = clock_ms(), arguments()

-- Receivers have heard of this generation before, and compare numbers of lines: no task has had one each millisecond.
local function record_of(each)
  local task = new_task(each, tonumber(each.created_ms))
  task.generation, task.epoch, task.seq = each.generation, each.epoch, math.max(0, now - each.created_ms)
  task.updated_ms = now
  return task
end

local function restore_answer(task, each)
  if each.answer_key == '' or each.created_ms + each.answer_kept_ms <= now then return end
  local key = 'orch:idem:' .. each.project .. ':' .. each.answer_key
  if tonumber(redis.call('HGET', key, 'created_ms') or 0) >= tonumber(each.created_ms) then return end
  local answer = {request_sha256 = each.answer_sha256, answer = each.answer, answer_kept_ms = each.answer_kept_ms}
  local until_ms = keep_answer(key, answer, each.id, each.created_ms)
  if each.idem ~= '' then task.idem_until_ms = until_ms end
end

-- Destinations were told of it before, but for what is so late that it may be missing.
local function restore_end(task, ended)
  for _, name in ipairs({'status', 'started_ms', 'outputs', 'result', 'error', 'usage', 'bytes'}) do
    task[name] = ended[name]
  end
  task.ended_ms = tonumber(ended.ended_ms) or now
  count_bytes(task, tonumber(task.bytes or 0))
  redis.call('ZADD', 'orch:ended', sweep_score(task), task.id)
  if is_displaced(task) then redis.call('ZADD', 'orch:displaced', now, task.id) end
  local say = task.ended_ms >= now - given.tell_again_ms and emit or append
  say(task, task.status, now, task.error or task.result or '{}')
  save(task)
end

local function restore(each)
  if redis.call('EXISTS', 'orch:task:' .. each.id) == 1 then return 'known' end
  local outcome = each.is_deleted and 'deleted' or each.ended and each.ended.status or 'queued'
  if given.dry_run == '1' then return outcome end
  local task = record_of(each)
  redis.call('ZADD', 'orch:tasks:' .. task.project, 0, task.id)
  if each.upload ~= '' then use_upload(each.upload, now) end
  if each.is_deleted then
    restore_end(task, {status = 'canceled', ended_ms = now})
    delete_task(task, now)
    return outcome
  end
  restore_answer(task, each)
  if each.ended then
    restore_end(task, each.ended)
  else
    enter(task, each, now, '{"reason":"rebuilt"}')
  end
  return outcome
end

local outcomes = {}
for i, each in ipairs(cjson.decode(given.tasks)) do outcomes[i] = restore(each) end
return outcomes
