-- What an operation ends with: its version, the end of its life, and the answer.
if changed > 0 then
  dirty, S[2] = true, now
  -- By the clock, so that it also grows where an earlier version has been forgotten.
  if changed == 2 then S[13] = max(min(MAX, S[13] + 1), now) end
  if S[3] == 0 and S[4] == 0 then
    S[14] = min(MAX, now + max(A[8], HOUR))
  elseif S[3] == 1 then
    S[14] = min(MAX, max(now, S[9]) + WEEK)
  else
    S[14] = min(MAX, now + WEEK)
  end
end
out[o + 1], out[o + 2], out[o + 3], o = 0, granted, S[3] ~= before and before or -1, o + 3
for _, number in ipairs(view()) do out[o + 1], o = number, o + 1 end
