#!lua flags=no-writes
-- include: turn, places, admission, room, wait
-- estimate: what a submit would be told now, and how long the task would wait. Changes nothing.
-- given: project, lane, model, type, content (or nothing), predicted_s, head_start_ms, new_bytes (of an input that is
-- still to be stored), the limits of admission.lua, and of claim.lua max_running and gpu_s_per_hour

local now, given = clock_ms(), arguments()
given.lane = lane_of({lane = given.lane, pool = pool_of(given.project)})
local room = tonumber(given.new_bytes) > 0 and room_refusal(given.project, given.new_bytes, given)
local leader = given.content and following().find_leader(given)
local answer = room or refusal(given, given) or {'accepted'}

given.rank = now - given.head_start_ms
local position = redis.call('ZCOUNT', ready_key(given), '-inf', given.rank)
local at_quota = is_at_quota(given.project, now, given)
local eta = at_quota and '' or eta_ms(given, given.lane, position)
local unserved = is_served(given.lane) and '' or given.lane
return {answer, at_quota and 1 or 0, leader and leader.id or '', position, eta, pauses_of(given), unserved, away_of(given)}
