-- SetBudget: 7, size, deadline, "hourly,daily,monthly" ('-' = unlimited), '' = the configured.
--            ';' and three of money behind it, if there are any.
-- GetBudget: 8, size, deadline. Out: 0, three base limits, three effective, bits: 1 stored, 2 of money follow.
out[o + 1], o = 0, o + 1
if kind == 7 then
  limits_text = A[i + 3] ~= '' and A[i + 3]
  limits, limits_changed, dirty = false, true, true
else
  for p = 1, 3 do out[o + p], out[o + p + 3] = base[p], limits[p] end
  out[o + 7], o = (limits_text and 1 or 0) + (limits[4] and 2 or 0), o + 7
  for p = 4, limits[4] and 6 or 0 do out[o + p - 3], out[o + p] = base[p], limits[p] end
  if limits[4] then o = o + 6 end
end
