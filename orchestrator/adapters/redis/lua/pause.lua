#!lua flags=allow-oom
-- include: turn, places
-- pause: nothing of it is claimed from now on. What is paused stays so since it was first, and only an operator takes the
-- place of an operator. In a full store as well: that may be what it is for.
-- given: what (<kind>:<name>), by, reason, by_operator (1 or 0)

local now, given = clock_ms(), arguments()
local said = redis.call('HGET', 'orch:paused', given.what)
local since, by_operator = string.match(said or '', '^(%d+) (%d)')
if by_operator ~= '1' or given.by_operator == '1' then
  said = table.concat({since or now, given.by_operator, given.by, given.reason}, ' ')
  redis.call('HSET', 'orch:paused', given.what, said)
end
return said
