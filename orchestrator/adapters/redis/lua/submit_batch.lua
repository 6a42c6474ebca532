#!lua
-- include: turn, places, admission, create, answers
-- submit_batch: the Idempotency-Key first, then quotas and limits of each task as if those before it were queued already,
-- then the tasks, all or none. Refused when memory is full, as a submit.
-- given: what answers.lua needs, journal (or nothing), tasks (JSON: what create.lua needs of each, in strings), and the limits of admission.lua

local now, given = clock_ms(), arguments()
local wanted = cjson.decode(given.tasks)

local key = answer_key(given)
local seen = key and seen_before(key, given, wanted[1].id)
if seen then return {seen} end

-- The same ids again are our own command repeated after a lost reply.
local first = load_task(wanted[1].id)
if first then return {'created', tonumber(first.created_ms)} end

if is_read_only(given) then return {'read_only'} end
local function count_ahead(ahead, task)
  local lane = lane_of(task)
  local before = ahead.lanes[lane] or {tasks = 0, ms = 0}
  ahead.lanes[lane] = {tasks = before.tasks + 1, ms = before.ms + task.predicted_s * 1000}
  ahead.tasks = ahead.tasks + 1
end

local tasks, refused, ahead = {}, {}, {tasks = 0, lanes = {}}
for i, each in ipairs(wanted) do
  tasks[i] = new_task(each, now)
  local why = refusal(tasks[i], given, ahead)
  if why then
    refused[#refused + 1] = {i - 1, unpack(why, 2)}
  else
    count_ahead(ahead, tasks[i])
  end
end
if refused[1] then return {'refused', refused} end

if key then keep_answer(key, given, tasks[1].id, now) end
local ids = {}
for i, task in ipairs(tasks) do
  create(task, wanted[i], now)
  ids[i] = task.id
end
if key and given.journal then redis.call('HSET', key, 'tasks', table.concat(ids, ' ')) end
return {'created', now}
