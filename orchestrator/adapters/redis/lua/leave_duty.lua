#!lua flags=allow-oom
-- include: turn, places
-- leave_duty: give a duty up before its lease ends. One that another keeper holds is left alone.
-- given: duty, holder

local given = arguments()
local key = 'orch:duty:' .. given.duty
if redis.call('GET', key) == given.holder then redis.call('DEL', key) end
return 'ok'
