#!lua flags=allow-oom
-- include: turn, places, stored, learn
-- finish: the one commit of a successful run. Wins over a cancel that was requested and not yet acknowledged.
-- given: task_id, epoch, run_id, outputs, result, usage, lines (JSON), actual_s, bytes (of the outputs), kind (of task;
-- empty: it teaches nothing)

local now, given = clock_ms(), arguments()
local task, refused = fenced(given, 'finish')
if not task then return refused end

log_lines(task, now, cjson.decode(given.lines))
task.actual_s = given.actual_s
close_run(task, 'finish', now, '')
if task.parts_s then task.actual_s = task.actual_s + task.parts_s end
if not task.part_of then -- what is made of a part goes when its task has joined it
  task.bytes = given.bytes
  count_bytes(task, tonumber(given.bytes))
end
if task.content then following().note_versions(task) end
if given.kind ~= '' then note_run(lane_of(task), task, given.kind, now) end
if given.outputs ~= '[]' and not task.part_of then mention(task, 'output', now, '{"outputs":' .. given.outputs .. '}') end
end_task(task, 'succeeded', now,
  {outputs = given.outputs, result = given.result, usage = given.usage}, given.result)
return 'ok'
