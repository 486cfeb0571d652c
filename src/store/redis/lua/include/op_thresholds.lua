-- ClearThresholds: 14, size, deadline, period (0 = all). Out: 0.
for p = 1, 3 do
  if A[i + 3] == 0 or A[i + 3] == p then
    S[p * 10 - 6] = 0
    if M then M[p + 6] = 0 end
  end
end
dirty = true
out[o + 1], o = 0, o + 1
