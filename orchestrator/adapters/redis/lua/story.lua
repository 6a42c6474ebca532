-- What is told of a task: the lines of its own stream and of its project's, to who follows it now, and to those whom its
-- deliveries tell (deliveries.lua).
--
--   orch:events:<id>      stream  entry ids are <generation>-<seq>
--   orch:story:<project>  stream  the latest changes of status of all its tasks, without their data
--
-- Whatever happens to a task is also published in `orch:feed:<project>:<id>`, to whoever follows it now (ADR 0029).

local EVENTS_KEPT = 512
local STORY_KEPT = 1000
local deliveries -- whom a task tells what becomes of it, see deliveries.lua
local planned -- what concerns parts of a task, of which nobody outside hears, see parts.lua

-- Tells those who follow the task or its project now. `cursor` names the line of the project's story, if it has one.
local function publish(task, kind, now, data, cursor)
  redis.call('PUBLISH', 'orch:feed:' .. task.project .. ':' .. task.id,
    table.concat({task.generation .. '-' .. (task.seq or 0), cursor or '', kind, now, data}, ' '))
end

-- The next line of the task's own stream; its number is part of the record, so save comes after.
local function append(task, kind, now, data)
  task.seq = (task.seq or 0) + 1
  redis.call('XADD', 'orch:events:' .. task.id, 'MAXLEN', EVENTS_KEPT, task.generation .. '-' .. task.seq,
    'type', kind, 'at_ms', now, 'data', data)
end

-- A change of status.
local function emit(task, kind, now, data)
  if task.part_of then return end
  data = data or '{}'
  append(task, kind, now, data)
  local cursor = redis.call('XADD', 'orch:story:' .. task.project, 'MAXLEN', '~', STORY_KEPT, '*',
    'task', task.id, 'event', task.generation .. '-' .. task.seq, 'type', kind, 'at_ms', now)
  publish(task, kind, now, data, cursor)
  local endpoints = redis.call('HGETALL', 'orch:endpoints:' .. task.project)
  if endpoints[1] or task.webhook or task.journal then deliveries().tell(task, kind, now, endpoints) end
end

-- A client has deleted the task, which has ended: to its document, if the project wants that to show nothing any more.
local function tell_deleted(task, now)
  if project_field(task.project, 'payload_on_delete') ~= 'unlink' then return end
  append(task, 'deleted', now, '{}')
  deliveries().tell(task, 'deleted', now, redis.call('HGETALL', 'orch:endpoints:' .. task.project))
end

-- How far its run has come. Nothing keeps that but the record.
local function report(task, now)
  publish(task, 'progress', now, task.progress)
  if task.tells_progress then deliveries().tell_progress(task, now) end
end

-- Anything else worth keeping: a file it made, a line of its log. The story of the project tells nothing of it.
local function mention(task, kind, now, data)
  if task.part_of then return planned().pass_on(task, kind, now, data) end
  append(task, kind, now, data)
  publish(task, kind, now, data)
end

-- What a run says of itself. Each line is {number, ms since it was said, JSON}; one that comes again is known by its
-- number, which counts from 1 within the run.
local function log_lines(task, now, lines)
  for _, line in ipairs(lines) do
    if line[1] > tonumber(task.said or 0) then
      task.said = line[1]
      mention(task, 'log', now - line[2], line[3])
    end
  end
end

