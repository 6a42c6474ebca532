#!lua flags=allow-oom
-- limit: take the same number of units from several buckets, or none (GCRA; the arithmetic is that of domain/rate.py).
-- In a full store as well: there too, a cancel must get through.
-- given: buckets (JSON list of {name, per_s, burst}), least, share_s
--
--   orch:limit:<name>  string  when the bucket will be full, in ms; gone soon after

local EPSILON = 1e-6
local SOON_MS = 60000

local given = {}
for i = 2, #ARGV, 2 do given[ARGV[i]] = ARGV[i + 1] end
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end

local least, buckets = tonumber(given.least), cjson.decode(given.buckets)
local most, wait_s, tightest = math.huge, 0, nil
for i, bucket in ipairs(buckets) do
  bucket.key = 'orch:limit:' .. bucket.name
  bucket.full_ms = math.max(now, tonumber(redis.call('GET', bucket.key) or 0))
  bucket.spare = bucket.burst - (bucket.full_ms - now) / 1000 * bucket.per_s
  wait_s = math.max(wait_s, (math.min(least, bucket.burst) - bucket.spare) / bucket.per_s)
  most = math.min(most, bucket.spare, math.max(least, bucket.per_s * given.share_s))
  if not tightest or bucket.spare < buckets[tightest].spare then tightest = i end
end

local units = wait_s > EPSILON and 0 or math.max(least, math.floor(most + EPSILON))
if units > 0 then
  for _, bucket in ipairs(buckets) do
    local full_ms = bucket.full_ms + units / bucket.per_s * 1000
    redis.call('SET', bucket.key, full_ms, 'PX', math.ceil(full_ms - now) + SOON_MS)
  end
end
return {units, tightest - 1, tostring(buckets[tightest].spare - units), tostring(units > 0 and 0 or wait_s)}
