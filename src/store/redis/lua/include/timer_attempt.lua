-- Delivered: 10, size, deadline, id. Redeliver: 13, size, deadline, id. Discard: 14, size, deadline, id.
-- Undelivered: 11, size, deadline, id, holder, error, retry in ms (-1 = not again), disable 0|1.
-- Out: 0, whether there was anything to do.
local r, is_done = present(D, id), false
if r and kind == 11 then
  local counts = r[1] == 0 and (is_of(r, A[i + 4]) or (is_free(r) and r[2] <= now))
  -- What an endpoint says of itself holds, whoever was told.
  is_done = counts
  if A[i + 7] == 1 then
    local endpoint = fields_of(text_of(D, id))[1]
    if type(endpoint) == 'string' and disable(endpoint) then is_done = true end
  end
  if counts then
    r[8], r[10] = min(MAX, r[8] + 1), A[i + 5]
    unclaim(r)
    if A[i + 6] >= 0 and A[i + 7] == 0 then r[2] = min(MAX, now + A[i + 6]) else die(r) end
    put(D, id, r)
  end
elseif r and kind == 13 then
  is_done = r[1] ~= 0 and not is_disabled(text_of(D, id))
  if is_done then
    r[1], r[2], r[3], r[8] = 0, now, 0, 0
    put(D, id, r)
  end
elseif r then
  is_done = kind == 10 or r[1] ~= 0
  if is_done then drop_all(D, { id }) end
end
out[o + 1], out[o + 2], o = 0, is_done and 1 or 0, o + 2
