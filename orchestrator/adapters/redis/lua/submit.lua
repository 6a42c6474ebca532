#!lua
-- include: turn, places, admission, create, answers
-- submit: the Idempotency-Key first, then quotas and limits, then the task, all or nothing.
-- Refused when memory is full (no allow-oom): what was accepted before must still be able to finish.
-- given: what create.lua and answers.lua need, and the limits of admission.lua

local now, given = clock_ms(), arguments()

local key = answer_key(given)
local seen = key and seen_before(key, given, given.id)
if seen then return {seen} end

-- The same id again is our own command repeated after a lost reply.
local task = load_task(given.id)
if task then return {'created', reply(task)} end

if is_read_only(given) then return {'read_only'} end
task = new_task(given, now)
local refused = refusal(task, given)
if refused then return refused end
if key then task.idem_until_ms = keep_answer(key, given, task.id, now) end
create(task, given, now)
return {'created', reply(task)}
