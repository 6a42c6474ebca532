#!lua flags=no-writes
-- include: turn, places, projects
-- list_projects: projects in the order of their slugs.
-- given: after (a slug, or empty), limit

local given = arguments()
local from = given.after ~= '' and '(' .. given.after or '-'
local found = {}
for _, slug in ipairs(redis.call('ZRANGE', 'orch:projects', from, '+', 'BYLEX', 'LIMIT', 0, given.limit)) do
  found[#found + 1] = {slug, project_hash(slug)}
end
return found
