-- Probe: 3, size, deadline, holder. Out: whether the call may be made.
-- Probed: 4, size, deadline, holder, 0 failed | 1 succeeded | -1 told nothing, reset in ms (-1 = not told).
--   Out: whether the probe was the holder's.
local holder = A[i + 3]
local is_probed = S[11] ~= '' and now < S[12]
if kind == 3 then
  if S[3] == 1 and S[9] ~= MAX and now >= S[9] then
    changed = enter(2, S[9])
  elseif S[3] == 2 and is_probed and S[11] == holder then
    granted = 1
  elseif S[3] == 2 and not is_probed then
    changed = 2
  end
  if changed == 2 then
    granted, S[11], S[12] = 1, holder, min(MAX, now + max(1, A[13]))
  end
elseif S[3] == 2 and holder ~= '' and S[11] == holder then
  local succeeded, reset_in = A[i + 4], A[i + 5]
  granted, changed, S[11], S[12] = 1, 2, '', 0
  if succeeded == 0 then
    open(reset_in >= 0 and min(MAX, now + reset_in) or 0)
  elseif succeeded == 1 and S[7] + 1 >= A[12] then
    enter(0, 0)
  elseif succeeded == 1 then
    S[7] = S[7] + 1
  end
end
