#!lua flags=allow-oom
-- include: turn, places, projects
-- create_project: a new project, or the one that there is. In a full store as well: the first key's project is made so.
-- given: slug, and fields of the record

local now, given = clock_ms(), arguments()
local slug = given.slug
given.slug = nil
if project_exists(slug) then return {'exists', project_hash(slug)} end
register_project(slug, now)
set_fields(slug, given)
list_pin(slug, given.pool)
list_content(slug, given.payload_collection)
return {'created', project_hash(slug)}
