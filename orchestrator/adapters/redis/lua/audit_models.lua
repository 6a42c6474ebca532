-- What audit calls a fault of routes and swaps (residency.lua, move_swap.lua): what nobody lists, no keeper goes on with.

KEYS_OF_INDEXES.routed, KEYS_OF_INDEXES.swapping = 'SSCAN', 'SSCAN'

local function drop_unless(kind)
  return function(key, model)
    if exists(kind .. model) then return end
    found('orphan', kind_of(key), model, function() redis.call('SREM', key, model) end)
  end
end

local function list_in(index, model)
  if redis.call('SISMEMBER', index, model) == 1 then return end
  found('missing', kind_of(index), model, function() redis.call('SADD', index, model) end)
end

look_at_queue_entry.routed = drop_unless('orch:routes:')
look_at_queue_entry.swapping = drop_unless('orch:swap:')

look_at_key.routes = function(model) list_in('orch:routed', model) end

look_at_key.swap = function(model)
  local is_over = redis.call('HGET', 'orch:swap:' .. model, 'is_over')
  if is_over == '0' then
    list_in('orch:swapping', model)
  elseif is_over == '1' and redis.call('SISMEMBER', 'orch:swapping', model) == 1 then
    found('stray', 'swapping', model, function() redis.call('SREM', 'orch:swapping', model) end)
  end
end
