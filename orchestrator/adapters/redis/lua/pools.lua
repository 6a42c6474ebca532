-- Projects that are pinned to a pool (ADR 0034). A task takes the pool of its project whenever it becomes ready, so what
-- runs or is delayed while the project is pinned elsewhere finds its lane by itself. What is ready already is moved.

local function is_elsewhere(task)
  return task.place == 'ready' and task.pool ~= pool_of(task.project)
end

-- The task goes on waiting, at its rank, in the lane of the pool that its project is pinned to now.
local function follow_pin(task, now)
  leave_ready(task)
  enter_ready(task, now)
  save(task)
end
