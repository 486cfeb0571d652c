-- The live overrides of a period, or all.
local n_at, n = o + 2, 0
out[o + 1], o = 0, o + 2
for k = 1, over_live, 4 do
  if A[i + 3] == 0 or (over[k + 1] - 1) % 3 + 1 == A[i + 3] then
    out[o + 1], out[o + 2], out[o + 3], out[o + 4] = over[k], over[k + 1], over[k + 2], over[k + 3]
    o, n = o + 4, n + 1
  end
end
out[n_at] = n
