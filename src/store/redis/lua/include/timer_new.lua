-- Create: 1, size, deadline, id, due: 0 in | 1 at, ms, its text, its member of names, of owners (-1 = none), see
--   `listed_as`.
-- Out: 0, then 0 new | 1 known, view (and its text) | 2 conflict. What is new is as it was asked for, made now.
local r = present(T, id)
local text = A[i + 6]
local fields = fields_of(text)
if r then
  local known = text_of(T, id)
  if fields_of(known)[5] == fields[5] then
    out[o + 1], out[o + 2], o = 0, 1, o + 2
    view(T, r)
    tell_text(T, id, known)
  else
    out[o + 1], out[o + 2], o = 0, 2, o + 2
  end
elseif A[7] == 1 then
  out[o + 1], out[o + 2], o = 3, "OOM memory is full: used memory > 'maxmemory'", o + 2
else
  local was_there = look(T, id)
  if was_there then drop_all(T, { id }) end
  local due = A[i + 4] == 0 and now + A[i + 5] or A[i + 5]
  due = min(MAX, due)
  put(T, id, { 0, due, 0, '', 0, 0, now, now, 0, fields[6], 0 })
  -- The record of one that has outlived its life has to be written over.
  T.text[id], T.as_made[id] = text .. pack(due, now), not was_there
  T.index[1][A[i + 7]] = true
  if A[i + 8] ~= -1 then T.index[2][A[i + 8]] = true end
  out[o + 1], out[o + 2], o = 0, 0, o + 2
end
