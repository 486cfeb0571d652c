-- Create: 1, size, deadline, id, due: 0 in | 1 at, ms, nonce, fingerprint, text, its member of names, of
--   owners (-1 = none), see `listed_as`.
-- Out: 0, then 0 new, due ms, created ms | 1 known, view (and its text) | 2 conflict.
local r = present(T, id)
if r then
  local text = text_of(T, id)
  if fields_of(text)[5] == A[i + 7] then
    out[o + 1], out[o + 2], o = 0, 1, o + 2
    view(T, r)
    tell_text(T, id, text)
  else
    out[o + 1], out[o + 2], o = 0, 2, o + 2
  end
elseif A[7] == 1 then
  out[o + 1], out[o + 2], o = 3, "OOM memory is full: used memory > 'maxmemory'", o + 2
else
  if look(T, id) then drop_all(T, { id }) end
  local due, text = A[i + 5], ARGV[A[i + 8]]
  if A[i + 4] == 0 then due = now + due end
  due = min(MAX, due)
  put(T, id, { 0, due, 0, '', 0, 0, now, now, 0, A[i + 6], 0 })
  T.text[id] = text
  T.index[1][A[i + 9]] = true
  if A[i + 10] ~= -1 then T.index[2][A[i + 10]] = true end
  out[o + 1], out[o + 2], out[o + 3], out[o + 4], o = 0, 0, due, now, o + 4
end
