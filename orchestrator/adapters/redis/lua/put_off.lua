#!lua flags=allow-oom
-- include: turn, places
-- put_off: a condemned task could not be swept. `condemn` names it again after a pause that doubles, so that what cannot
-- be swept does not stand before everything that can.
-- given: task_id, before_ms (as for condemn)

local FIRST_PAUSE_MS = 10000
local LONGEST_PAUSE_MS = 3600000

local given = arguments()
local task = load_task(given.task_id)
if not task or not task.condemned then return 'kept' end

task.put_offs = (task.put_offs or 0) + 1
local pause_ms = math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ^ math.min(task.put_offs - 1, 20))
redis.call('ZADD', 'orch:ended', 'XX', given.before_ms + pause_ms, task.id)
save(task)
return 'ok'
