#!lua flags=allow-oom,no-writes
-- include: turn, places
-- look_swaps: the last swap of a model, or with none given every one that goes on; with the time, which tells its age.
-- given: model (or empty)

local now, given = clock_ms(), arguments()
local models = given.model ~= '' and {given.model} or redis.call('SMEMBERS', 'orch:swapping')
local found = {}
for _, model in ipairs(models) do
  local seen = redis.call('HMGET', 'orch:swap:' .. model, 'body', 'token', 'since_ms')
  if seen[1] then found[#found + 1] = {seen[1], seen[2], tonumber(seen[3]), now} end
end
return found
