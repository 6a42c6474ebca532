-- What clients were offered to upload, and the bytes that count for it: from the offer on, until nothing can be there
-- any more (ADR 0035). Needs stored.
--
--   orch:offers          zset  key by the time after which nothing can arrive by its offer, until that was looked at
--   orch:uploads         zset  key by its last use; swept a retention later
--   orch:kept:<project>  zset  "<key> <bytes>" of each, in lexical order; the sum is in orch:usage

local function project_of_upload(key)
  return string.match(key, '^projects/([^/]+)/')
end

local function kept_entry(key)
  return redis.call('ZRANGE', 'orch:kept:' .. project_of_upload(key), '[' .. key .. ' ', '(' .. key .. '!', 'BYLEX',
    'LIMIT', 0, 1)[1]
end

local function keep_upload(key, bytes)
  local project, entry = project_of_upload(key), key .. ' ' .. bytes
  redis.call('ZADD', 'orch:kept:' .. project, 0, entry)
  add_to_sum(project, OF_UPLOADS, entry, bytes)
end

-- Uploads that an older version has offered were never counted.
local function give_back(key)
  local project, entry = project_of_upload(key), kept_entry(key)
  if not entry then return end
  redis.call('ZREM', 'orch:kept:' .. project, entry)
  add_to_sum(project, OF_UPLOADS, entry, -string.match(entry, ' (%d+)$'))
end

-- A task uses the object, which is therefore there: its retention begins, if it was ever offered.
local function use_upload(key, now)
  if redis.call('ZREM', 'orch:offers', key) == 1 then
    redis.call('ZADD', 'orch:uploads', now, key)
  else
    redis.call('ZADD', 'orch:uploads', 'XX', now, key)
  end
end
