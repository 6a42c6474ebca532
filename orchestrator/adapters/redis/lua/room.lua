-- Needs admission.

-- Of what is to be kept and is not there yet.
local function room_refusal(project, bytes, given)
  local max_bytes = limit_of(project, 'max_bytes', given)
  if max_bytes and stored_bytes(project) + bytes > max_bytes then
    return refused('quota_exceeded', 'no_room', max_bytes, LONG_MS)
  end
end
