-- History: 13, size, deadline, period 1-3, offset, count.
-- Out: 0, n, n x record; newest first: those of this batch, then those of the list.
local p, offset, count = A[i + 3], A[i + 4], A[i + 5]
if lo > 0 then
  --- @include spread
end
local new = H and H[p] or {}
local n_at, n = o + 2, 0
out[o + 1], o = 0, o + 2
count = min(count, max(0, A[18] - offset))
for k = #new - offset, 1, -1 do
  if n < count then
    out[o + 1], o, n = new[k], o + 1, n + 1
  end
end
offset = max(0, offset - #new)
if n < count and not (rolled and rolled[p]) then
  local old = call('LRANGE', KEYS[HISTORY + p], -(offset + count - n), -(offset + 1))
  for k = #old, 1, -1 do
    out[o + 1], o, n = old[k], o + 1, n + 1
  end
end
out[n_at] = n
