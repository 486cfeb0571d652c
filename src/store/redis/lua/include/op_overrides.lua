-- SetOverride:    9, size, deadline, number of its first key, id, period 1-3, tokens (4-6: money), expires ms,
--                 document. Out: 0 | 4.
-- RemoveOverride: 10, size, deadline, number of its first key, id. Out: 0, found 0|1.
-- ListOverrides:  11, size, deadline, period (0 = all).
--                 Out: 0, n, n x (id, period, tokens, expires ms). Documents: override_list.lua.
if not over_live then
  local head, index = false, over
  if not index and stored[3] then
    head, index = cmsgpack.unpack(stored[3])
  end
  over, over_live = {}, 0
  for k = 1, index and #index or 0, 4 do
    if index[k + 3] > now then
      over[over_live + 1], over[over_live + 2] = index[k], index[k + 1]
      over[over_live + 3], over[over_live + 4] = index[k + 2], index[k + 3]
      over_live = over_live + 4
    end
  end
end
if kind == 11 then
  --- @include list_overrides
else
  local id, at = A[i + 4], 1
  while at <= over_live and over[at] ~= id do at = at + 4 end
  local found = at <= over_live
  if kind == 9 and A[i + 7] > now and not found and over_live >= 4 * OVERRIDE_LIMIT then
    out[o + 1], o = 4, o + 1
  else
    --- @include change_override
  end
end
