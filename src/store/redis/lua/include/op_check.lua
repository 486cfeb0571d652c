-- Check: 4, size, deadline, period 1-3.
-- Out: 0, its view: used, held, limit (-1 = unlimited), window start ms, window end ms, more (view_more.lua).
local p = A[i + 3]
out[o + 1], out[o + 2], out[o + 3] = 0, used[p], held[p]
out[o + 4], out[o + 5], out[o + 6] = limits[p], S[p * 10 - 8], S[p * 10 - 7]
o = o + 6
--- @include view_more
