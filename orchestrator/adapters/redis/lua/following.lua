-- The same work is done once (ADR 0031). A task that asks for just what another of its project does or has done follows
-- that one, its leader, instead of running: it starts, reports and ends as the leader's run does.
--
--   orch:content:<project>:<content>  string  the task to follow for this content
--   orch:followers:<leader>           zset    ids in the order of time  place "following"
--   orch:served:<model>               string  the versions that serve, as workers see them
--
-- The record of each of them holds `content`; a follower's its `leader`, also after the end; a leader's `led`, once it
-- has had followers, `versions`, those that served its run, and `kept_ms`, when the last task ended that shows its files.
--
-- Each run of a script makes anew what the script defines, and few tasks share anything: so all of this is made when it
-- is asked for.

local MOST_FOLLOWERS = 100 -- all of them end in the script that ends their leader
local parts

function following()
  if parts then return parts end

  local function content_key(task)
    return 'orch:content:' .. task.project .. ':' .. task.content
  end

  local function served_versions(model)
    return redis.call('GET', 'orch:served:' .. model) or ''
  end

  -- They may have been exchanged under the run: then nobody can say which of them made what it made. The first run of a
  -- model is the one from which its versions are known.
  local function note_versions(task)
    local versions = served_versions(task.model)
    if task.versions == '' then task.versions = versions end
    if task.versions ~= versions then task.versions = 'exchanged' end
  end

  local function has_followers(task)
    return redis.call('EXISTS', 'orch:followers:' .. task.id) == 1
  end

  local function each_follower(leader, what)
    for _, id in ipairs(redis.call('ZRANGE', 'orch:followers:' .. leader.id, 0, -1)) do
      local task = load_task(id)
      if task then what(task) end
    end
  end

  -- What waits and has left nothing will be made by those that serve then.
  local function may_lead(task)
    local is_made = task.status ~= 'queued' or task.checkpoint
    local is_known = is_made and task.versions and task.versions ~= ''
    if task.condemned or is_known and task.versions ~= served_versions(task.model) then return false end
    if task.status == 'succeeded' then return true end
    if task.status ~= 'queued' and task.status ~= 'running' or task.cancel_ms then return false end
    return redis.call('ZCARD', 'orch:followers:' .. task.id) < MOST_FOLLOWERS
  end

  -- The task to follow, or nil.
  local function find_leader(task)
    local id = redis.call('GET', content_key(task))
    local leader = id and id ~= task.id and load_task(id)
    if leader and may_lead(leader) then return leader end
  end

  -- A leader that waits is as urgent as its most urgent follower; one that runs alone has a rank for that.
  local function enter_following(task, leader)
    redis.call('ZADD', 'orch:followers:' .. leader.id, 0, task.id)
    redis.call('SADD', 'orch:queued:' .. task.project, task.id)
    task.place, task.leader = 'following', leader.id
    leader.led = 1
    if not leader.solo and tonumber(task.rank) < tonumber(leader.rank) then
      leader.rank = task.rank
      if leader.place == 'ready' then redis.call('ZADD', ready_key(leader), leader.rank, leader.id) end
    end
    save(leader)
  end

  local function lead(task)
    redis.call('SET', content_key(task), task.id)
  end

  -- From now on nobody finds it.
  local function forget(task)
    if redis.call('GET', content_key(task)) == task.id then redis.call('DEL', content_key(task)) end
  end

  -- What has become of the leader's run becomes of the follower. `status` is "running" or "queued".
  local function go_along(task, status, now, data)
    if task.status == status then return end
    task.status, task.updated_ms, task.progress = status, now, nil
    if status == 'running' then
      task.started_ms = task.started_ms or now
      if task.start_by_ms then redis.call('ZREM', 'orch:deadlines', task.id) end
    end
    emit(task, status, now, data)
    save(task)
  end

  local function tell_followers(leader, now, data)
    each_follower(leader, function(task) go_along(task, leader.status, now, data) end)
  end

  local function tell_progress(leader, now)
    each_follower(leader, function(task)
      task.progress, task.updated_ms = leader.progress, now
      report(task, now)
      save(task)
    end)
  end

  -- The leader comes after the task in the order of those to be swept.
  local function keep_for(task, leader)
    local after = redis.call('ZSCORE', 'orch:ended', task.id) + 1
    if after < tonumber(redis.call('ZSCORE', 'orch:ended', leader.id) or after) then return end
    leader.kept_ms = after
    leader.sweep_ms = task.sweep_ms and task.sweep_ms + 1
    redis.call('ZADD', 'orch:ended', 'XX', after, leader.id)
    save(leader)
  end

  -- The leader has ended, and so does the task. The files stay where they are, as long as a task shows them.
  local function share_end(task, leader, now)
    leave_place(task)
    if leader.status == 'failed' then
      return end_task(task, 'failed', now, {error = leader.error}, leader.error)
    end
    if leader.outputs ~= '[]' then mention(task, 'output', now, '{"outputs":' .. leader.outputs .. '}') end
    end_task(task, 'succeeded', now, {outputs = leader.outputs, result = leader.result}, leader.result)
    keep_for(task, leader)
  end

  -- The task runs itself from now on.
  local function go_alone(task, now)
    leave_place(task)
    task.leader = nil
    lead(task)
    if task.status ~= 'running' then
      enter_ready(task, now)
      return save(task)
    end
    requeue(task, now, nil, '{"reason":"took_over"}')
  end

  -- The first follower stands where its leader stood, with what that one has used up of its tries: what crashes must not
  -- crash once more for each that waited for it. The others follow the first.
  local function hand_over(leader, now)
    local heir
    each_follower(leader, function(task)
      if heir then
        redis.call('ZREM', 'orch:followers:' .. leader.id, task.id)
        enter_following(task, heir)
        return save(task)
      end
      heir = task
      for name, value in pairs(leader) do
        if string.sub(name, 1, 6) == 'tries:' then heir[name] = value end
      end
      if leader.solo then heir.solo, heir.rank = leader.solo, leader.rank end
      go_alone(heir, now)
    end)
    if heir then tell_followers(heir, now, '{"reason":"took_over"}') end
  end

  -- A leader has ended. `is_own`: it failed for what is its own and not of the content.
  local function part_with_followers(leader, now, is_own)
    local ends_alike = leader.status == 'succeeded' or leader.status == 'failed' and not is_own
    if leader.status ~= 'succeeded' then forget(leader) end
    if not leader.led then return end
    if not ends_alike then return hand_over(leader, now) end
    each_follower(leader, function(task) share_end(task, leader, now) end)
  end

  -- Queued for the first time in its generation: beside the one that does the same, or on its own.
  local function enter(task, now, data)
    task.status, task.updated_ms = 'queued', now
    local leader = find_leader(task)
    if leader then
      enter_following(task, leader)
    else
      enter_ready(task, now)
      lead(task)
    end
    emit(task, 'queued', now, data)
    save(task)
    if not leader then return end
    if leader.status == 'succeeded' then return share_end(task, leader, now) end
    if leader.status == 'running' then go_along(task, 'running', now, '{"epoch":' .. leader.epoch .. '}') end
  end

  parts = {
    content_key = content_key, served_versions = served_versions, note_versions = note_versions,
    has_followers = has_followers, find_leader = find_leader, lead = lead, forget = forget, tell_followers = tell_followers,
    tell_progress = tell_progress, keep_for = keep_for, share_end = share_end, go_alone = go_alone,
    part_with_followers = part_with_followers, enter = enter,
  }
  return parts
end
