-- SetBudget: 7, size, deadline, "hourly,daily,monthly" ('-' = unlimited), '' = the configured.
-- GetBudget: 8, size, deadline. Out: 0, three base limits, three effective, stored 0|1.
out[o + 1], o = 0, o + 1
if kind == 7 then
  limits_text = A[i + 3] ~= '' and A[i + 3]
  limits, limits_changed, dirty = false, true, true
else
  for p = 1, 3 do out[o + p], out[o + p + 3] = base[p], limits[p] end
  out[o + 7], o = limits_text and 1 or 0, o + 7
end
