#!lua flags=allow-oom
-- include: turn, places, residency
-- route: runs of the model that begin from now on take its releases by these weights; none gives the stock release all.
-- given: model, weights (JSON)

local given = arguments()
local key = 'orch:routes:' .. given.model
redis.call('DEL', key)
for release, weight in pairs(cjson.decode(given.weights)) do redis.call('HSET', key, release, weight) end
publish_model(given.model)
