-- Settle: 4, size, deadline, id, used input, used output, signals (see limit_signals).
-- Out: known 0|1, late 0|1, estimated amounts.
local p = take_permit(A[i + 3])
if p then
  local own = correct(p, 1, A[i + 4], A[i + 5], true)
  observe(i + 6, p[2], own)
  S[30] = now
  out[o + 1], out[o + 2], out[o + 3], out[o + 4], out[o + 5] = 1, p[1] - 1, p[4], p[5], p[6]
else -- What the provider said is true of whatever request.
  observe(i + 6, A[i + 6])
  out[o + 1], out[o + 2], out[o + 3], out[o + 4], out[o + 5] = 0, 0, 0, 0, 0
end
o = o + 5
