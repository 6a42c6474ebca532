#!lua flags=allow-oom
-- include: turn, places
-- reserve: memory for what the run will infer, beside what is used on its instance and what other runs have reserved
-- there. A reservation is a field of the record; it counts while the run pins its resident, and goes with that.
-- given: task_id, epoch, run_id, size (of the input), is_last (1: if no other run has reserved anything, it may try)

local now, given = clock_ms(), arguments()
local task = fenced(given, 'reserve')
if not task then return 'stale' end
if not task.instance then return 'ok' end

local function reserved_by_others()
  local sum = 0
  for _, release in ipairs(redis.call('HKEYS', 'orch:residents:' .. task.instance)) do
    for _, id in ipairs(redis.call('SMEMBERS', 'orch:pins:' .. task.instance .. ':' .. release)) do
      if id ~= task.id then sum = sum + (tonumber(redis.call('HGET', 'orch:task:' .. id, 'reserved')) or 0) end
    end
  end
  return sum
end

local said = redis.call('HMGET', 'orch:instance:' .. task.instance, 'budget_bytes', 'used_bytes')
local budget, used = tonumber(said[1]), tonumber(said[2]) or 0
local peak = tonumber(redis.call('HGET', 'orch:bytes:' .. task.release, given.size)) or 0
if budget and peak > 0 then
  local others = reserved_by_others()
  if used + others + peak > budget and (others > 0 or given.is_last ~= '1') then return 'wait' end
end
task.reserved, task.used_before = peak, used
save(task)
return 'ok'
