#!lua flags=allow-oom
-- include: turn, places
-- learn_peak: what the instance's memory has grown by while the run inferred is the run's, if nobody else used the
-- instance and its owner has looked meanwhile. The largest is kept.
-- given: task_id, epoch, run_id, size (of the input), began_ms_ago

local now, given = clock_ms(), arguments()
local task = fenced(given, 'learn_peak')
if not task or not task.instance or not task.used_before then return end

local began_ms = now - given.began_ms_ago
local said = redis.call('HMGET', 'orch:instance:' .. task.instance, 'used_bytes', 'seen_ms')
local grown = (tonumber(said[1]) or 0) - task.used_before
if grown <= 0 or (tonumber(said[2]) or 0) < began_ms then return end

local residents = redis.call('HGETALL', 'orch:residents:' .. task.instance)
for i = 1, #residents, 2 do
  local pins = redis.call('SCARD', 'orch:pins:' .. task.instance .. ':' .. residents[i])
  if pins > (residents[i] == task.release and 1 or 0) then return end
  local resident = cjson.decode(residents[i + 1])
  if math.max(resident.since_ms, resident.used_ms) > began_ms and residents[i] ~= task.release then return end
end
local key, known = 'orch:bytes:' .. task.release, 0
known = tonumber(redis.call('HGET', key, given.size)) or 0
if grown > known then redis.call('HSET', key, given.size, grown) end
