-- A long task in parts (ADR 0052): one of its runs has planned them, and has gone. A part is claimed, beats and ends as a
-- task does, and stands in the same places; but nobody outside hears of it. What it comes to becomes of its task, in the
-- same script: the last one to be done queues the task again, to join them, and one that fails for good fails it.
--
--   orch:planned       zset  tasks in the place "parts", by when that began
--   orch:parts:<task>  zset  those of its parts that are not done, by how far each is, 0 to 1
--
-- The record of a part is `orch:task:<task>.<number>`; it holds `part_of`, and goes with its task. The task's holds `parts`,
-- how many there are, and `parts_s`, what those that are done have cost.
--
-- Made when it is asked for, as what following.lua holds.

local made

function planned()
  if made then return made end

  local function unfinished(task)
    return 'orch:parts:' .. task.id
  end

  local function part_id(task, number)
    return string.format('%s.%d', task.id, number)
  end

  -- None of them is in a place.
  local function forget(task, first)
    for number = first, tonumber(task.parts or 0) do
      redis.call('DEL', 'orch:task:' .. part_id(task, number), 'orch:attempts:' .. part_id(task, number))
    end
  end

  -- By their records.
  local function has_undone(task)
    for number = 1, task.parts do
      local status = redis.call('HGET', 'orch:task:' .. part_id(task, number), 'status')
      if status == 'queued' or status == 'running' then return true end
    end
    return false
  end

  -- What is not done need not be: whoever runs it hears that it is lost.
  local function recall(task, now)
    for _, id in ipairs(redis.call('ZRANGE', unfinished(task), 0, -1)) do
      local part = load_task(id)
      if part and part.place == 'leases' then close_run(part, 'recall', now) elseif part then leave_place(part) end
      if part then
        part.status, part.updated_ms, part.ended_ms = 'canceled', now, now
        save(part)
      end
    end
    redis.call('DEL', unfinished(task))
  end

  local function is_unwanted(task)
    return task.cancel_ms and not (task.led and following().has_followers(task))
  end

  local function leave(task, now, status, fields)
    leave_place(task)
    end_task(task, status, now, fields, fields.error)
  end

  -- What is done, and how much of what runs.
  local function report_progress(task, now)
    local done, live = task.parts - redis.call('ZCARD', unfinished(task)), 0
    local begun = redis.call('ZRANGE', unfinished(task), '(0', '+inf', 'BYSCORE', 'WITHSCORES')
    for i = 2, #begun, 2 do live = live + begun[i] end
    task.updated_ms = now
    task.progress = string.format('{"done":%d,"fraction":%.4f,"stage":"parts","total":%d}',
      done, (done + live) / task.parts, task.parts)
    report(task, now)
    save(task)
    if task.led then following().tell_progress(task, now) end
  end

  local function task_of(part)
    local task = load_task(part.part_of)
    return task and task.place == 'parts' and task or nil
  end

  -- A run of the part says how far it is.
  local function come_along(part, now)
    local task = task_of(part)
    if not task then return end
    redis.call('ZADD', unfinished(task), 'XX', cjson.decode(part.progress).fraction, part.id)
    if is_unwanted(task) then return leave(task, now, 'canceled', {}) end
    report_progress(task, now)
  end

  -- It is queued again, from its beginning.
  local function fall_back(part)
    redis.call('ZADD', unfinished({id = part.part_of}), 'XX', 0, part.id)
  end

  -- The part has ended.
  local function hand_in(part, now)
    save(part)
    local task = task_of(part)
    if not task then return end
    redis.call('ZREM', unfinished(task), part.id)
    if part.status == 'failed' then return leave(task, now, 'failed', {error = part.error}) end
    task.parts_s = (task.parts_s or 0) + (part.actual_s or 0)
    if is_unwanted(task) then return leave(task, now, 'canceled', {}) end
    report_progress(task, now)
    if redis.call('EXISTS', unfinished(task)) == 1 then return end
    leave_place(task)
    requeue(task, now, nil, '{"reason":"parts_done"}')
  end

  -- A run of a part says something worth keeping.
  local function pass_on(part, kind, now, data)
    local task = task_of(part)
    if not task then return end
    mention(task, kind, now, data)
    save(task)
  end

  local function new_part(task, slice, number, epoch)
    return {
      schema = task.schema, id = part_id(task, number), part_of = task.id, project = task.project, type = task.type,
      lane = task.lane, model = task.model, input = slice.input, params = task.params, labels = '{}',
      priority = task.priority, predicted_s = slice.predicted_s, request_sha256 = '', idem = '', run_for_s = task.run_for_s,
      status = 'queued', generation = task.generation, epoch = epoch, rank = slice.rank, created_ms = task.updated_ms,
      updated_ms = task.updated_ms,
    }
  end

  -- Of what an earlier plan has made, that counts which is done and is what is asked for now.
  local function enter(task, slices, now)
    local rank = tonumber(task.rank)
    forget(task, #slices + 1)
    task.parts, task.updated_ms = #slices, now
    for number, slice in ipairs(slices) do
      local old = load_task(part_id(task, number))
      slice.rank, rank = math.ceil(rank), rank + slice.predicted_s * 1000
      if not old or old.status ~= 'succeeded' or old.input ~= slice.input then
        local part = new_part(task, slice, number, old and old.epoch or 0)
        redis.call('ZADD', unfinished(task), 0, part.id)
        enter_ready(part, now)
        save(part)
      end
    end
    if redis.call('EXISTS', unfinished(task)) == 0 then return requeue(task, now, nil, '{"reason":"parts_done"}') end
    redis.call('ZADD', 'orch:planned', now, task.id)
    redis.call('SADD', 'orch:queued:' .. task.project, task.id)
    task.place = 'parts'
    report_progress(task, now)
  end

  made = {
    unfinished = unfinished, forget = forget, recall = recall, come_along = come_along, fall_back = fall_back,
    hand_in = hand_in, pass_on = pass_on, enter = enter, has_undone = has_undone,
  }
  return made
end
