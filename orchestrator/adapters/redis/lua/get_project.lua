#!lua flags=no-writes
-- include: turn, places, projects
-- get_project: its record, empty if there is none.
-- given: slug

return project_hash(arguments().slug)
