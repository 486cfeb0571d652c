-- Stats: 5, size, deadline, period 1-3.
-- Out: 0, view (see op_check), open reservations, five parts, unattributed, n, n x (model, tokens).
local p = A[i + 3]
local s = p * 10
--- @include flush
out[o + 1], out[o + 2], out[o + 3] = 0, used[p], held[p]
out[o + 4], out[o + 5], out[o + 6] = limits[p], S[s - 8], S[s - 7]
o = o + 6
--- @include view_more
out[o + 1] = S[s + 1]
for k = 1, 6 do out[o + 1 + k] = S[s - 6 + k] end
o = o + 8
local n_at, n = o, 0
for m = OTHER_MODELS, #S - 3, 4 do
  if S[m + p] > 0 then
    out[o + 1], out[o + 2] = m == OTHER_MODELS and '(other)' or S[m], S[m + p]
    o, n = o + 2, n + 1
  end
end
out[n_at] = n
