#!lua
-- include: turn, places, projects
-- change_project: set fields of a project; an empty value puts one back to its default.
-- given: slug, and fields of the record

local given = arguments()
local slug = given.slug
given.slug = nil
if not project_exists(slug) then return {'unknown'} end
set_fields(slug, given)
list_pin(slug, given.pool)
list_content(slug, given.payload_collection)
unpark_everywhere(slug) -- its quota may have been raised
return {'changed', project_hash(slug)}
