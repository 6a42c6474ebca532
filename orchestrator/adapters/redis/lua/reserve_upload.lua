#!lua
-- include: turn, places, admission, room, uploads
-- reserve_upload: count the bytes of an upload before it is offered, or say that the project may keep no more.
-- given: key, bytes, ends_in_ms (then nothing can arrive by the offer any more), is_lasting (1, or empty: it goes
-- then unless a task has taken it up), max_bytes (of projects that name none)

local now, given = clock_ms(), arguments()
if kept_entry(given.key) then return {'reserved'} end -- our own command, repeated after a lost reply

local project = project_of_upload(given.key)
local no_room = room_refusal(project, given.bytes, given)
if no_room then return no_room end
redis.call('ZADD', 'orch:offers', now + given.ends_in_ms, given.key)
if given.is_lasting == '1' then redis.call('ZADD', 'orch:uploads', now, given.key) end
keep_upload(given.key, given.bytes)
return {'reserved'}
