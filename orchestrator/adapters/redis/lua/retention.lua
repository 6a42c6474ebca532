-- When a task that has ended is swept (ADR 0043): after the retention of its status in its project, or else the keeper's,
-- and not after its own `expires_ms`, if it has one.
--
--   orch:retention   string   the keeper's own, in ms
--
-- A score of `orch:ended` is when the task ended, so that those at the keeper's retention are found without a look at
-- their records. Another that is to be swept at `sweep_ms` stands there as if it had ended a retention before that.

local USUAL_MS = 604800000

local function usual_retention_ms()
  return tonumber(redis.call('GET', 'orch:retention') or USUAL_MS)
end

-- Those of the project, as a new task's record keeps them: an end need not ask for them. nil where it has none.
local function retentions_of(project)
  local said = {}
  for _, status in ipairs({'succeeded', 'failed', 'canceled'}) do
    local own_s = project_field(project, 'retention_' .. status .. '_s') or project_field(project, 'retention_s')
    if own_s then said[#said + 1] = status .. '=' .. own_s end
  end
  return said[1] and table.concat(said, ' ')
end

local function own_retention_ms(task)
  local own_s = task.retentions and string.match(task.retentions, task.status .. '=(%d+)')
  return own_s and own_s * 1000
end

-- Of a task that has ended.
local function sweep_score(task)
  local own_ms, ended_ms = own_retention_ms(task), tonumber(task.ended_ms)
  task.sweep_ms = nil
  if not own_ms and not task.expires_ms then return ended_ms end
  local usual_ms = usual_retention_ms()
  local due_ms = ended_ms + (own_ms or usual_ms)
  if task.expires_ms then due_ms = math.max(ended_ms, math.min(due_ms, tonumber(task.expires_ms))) end
  task.sweep_ms = due_ms
  return due_ms - usual_ms
end
