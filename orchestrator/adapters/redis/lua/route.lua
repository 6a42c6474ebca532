#!lua flags=allow-oom
-- include: turn, places, residency
-- route: runs of the model that begin from now on take its releases by these weights; none gives the stock release all.
-- given: model, weights (JSON)

local given = arguments()
set_route(given.model, cjson.decode(given.weights))
