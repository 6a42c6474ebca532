-- include: stored
-- Whether one more task may be queued. What was accepted is never refused later: our own retries go back in any case.
-- given: max_queued, max_bytes (of projects that name none), lane_tasks, lane_wait_ms (empty is no limit),
-- need_worker (1 or empty)

local SHORTLY_MS, LONG_MS, UNKNOWN_MS = 1000, 60000, 5000

local function refused(code, what, limit, again_in_ms)
  return {'refused', code, what, tostring(limit), math.ceil(again_in_ms)}
end

local function within(ms, least, most)
  return math.max(least, math.min(most, ms))
end

-- About how long one task of a project waits for its turn and for its end.
local function turn_ms(task, lane, pace)
  return task.predicted_s * 1000 * math.max(1, redis.call('ZCARD', 'orch:turn:' .. lane)) / pace
end

-- How much longer than it may the task would wait: for all that is ready in the lane, or, if that is less, for the
-- project's own tasks at the share of one among those who wait. Nobody is refused for the backlog of others.
local function too_long_ms(task, lane, queued, work_ms, most_ms)
  local pace = pace_of(lane)
  if not pace then return 0 end
  local wait_ms = work_ms / pace
  if wait_ms > most_ms then wait_ms = math.min(wait_ms, queued * turn_ms(task, lane, pace)) end
  return wait_ms - most_ms
end

local function quota_refusal(task, lane, queued, given)
  local max_queued = limit_of(task.project, 'max_queued', given)
  if max_queued and queued >= max_queued then
    local pace = pace_of(lane)
    local again_in_ms = pace and within(turn_ms(task, lane, pace), SHORTLY_MS, LONG_MS) or UNKNOWN_MS
    return refused('quota_exceeded', 'max_queued', max_queued, again_in_ms)
  end
  local max_bytes = limit_of(task.project, 'max_bytes', given)
  if max_bytes and stored_bytes(task.project) >= max_bytes then
    return refused('quota_exceeded', 'max_bytes', max_bytes, LONG_MS)
  end
end

local function lane_refusal(task, lane, queued, given, ahead)
  local most, most_ms = tonumber(given.lane_tasks), tonumber(given.lane_wait_ms)
  local work, before = (most or most_ms) and backlog_of(lane), ahead and ahead.lanes[lane]
  if work and before then work.tasks, work.ms = work.tasks + before.tasks, work.ms + before.ms end
  if most and work.tasks >= most then return refused('queue_full', 'lane_tasks', most, UNKNOWN_MS) end
  local over_ms = most_ms and queued > 0 and too_long_ms(task, lane, queued, work.ms, most_ms) or 0
  if over_ms > 0 then
    return refused('queue_full', 'lane_wait', most_ms / 1000, within(over_ms, SHORTLY_MS, 5 * LONG_MS))
  end
  if given.need_worker == '1' and not is_served(lane) then
    return refused('not_ready', 'no_worker', lane, UNKNOWN_MS)
  end
end

-- nil, or the answer that says why not and when to come again. What comes before the task in its batch, `ahead`, counts
-- as if it were queued: so many tasks, and in each lane so many and their predicted ms.
local function refusal(task, given, ahead)
  local lane, queued = lane_of(task), redis.call('SCARD', 'orch:queued:' .. task.project)
  if ahead then queued = queued + ahead.tasks end
  local refused = quota_refusal(task, lane, queued, given)
  if refused or task.content and following().find_leader(task) then return refused end -- a follower adds nothing to the lane
  return lane_refusal(task, lane, queued, given, ahead)
end
