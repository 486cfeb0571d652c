-- SetOverride:    9, size, deadline, number of its first key, id, period 1-3, tokens, expires ms,
--                 document. Out: 0 | 4.
-- RemoveOverride: 10, size, deadline, number of its first key, id. Out: 0, found 0|1.
-- ListOverrides:  11, size, deadline, period (0 = all).
--                 Out: 0, n, n x (id, period, tokens, expires ms). Documents are read by key.
if not over then
  over = {}
  if stored[3] then
    local _, index = cmsgpack.unpack(stored[3])
    over = index
  end
end
local live, found = {}, 0
for k = 1, #over, 4 do
  if over[k + 3] > now then
    if kind ~= 11 and over[k] == A[i + 4] then
      found = 1
    elseif kind ~= 11 or A[i + 3] == 0 or over[k + 1] == A[i + 3] then
      local l = #live
      live[l + 1], live[l + 2], live[l + 3], live[l + 4] = over[k], over[k + 1], over[k + 2], over[k + 3]
    end
  end
end
if kind == 11 then
  out[o + 1], out[o + 2], o = 0, #live / 4, o + 2
  for k = 1, #live do out[o + k] = live[k] end
  o = o + #live
elseif kind == 9 and A[i + 7] > now and #live >= 4000 then
  out[o + 1], o = 4, o + 1
else
  local first = A[i + 3]
  for k = first, first + 2 do call('STRLEN', KEYS[k]) end
  cold[#cold + 1] = { 'DEL', KEYS[first], KEYS[first + 1], KEYS[first + 2] }
  out[o + 1], o = 0, o + 1
  if kind == 10 then
    out[o + 1], o = found, o + 1
  elseif A[i + 7] > now then
    local l = #live
    live[l + 1], live[l + 2], live[l + 3], live[l + 4] = A[i + 4], A[i + 5], A[i + 6], A[i + 7]
    cold[#cold + 1] = { 'SET', KEYS[first + A[i + 5] - 1], A[i + 8], 'PXAT', A[i + 7] }
  end
  over, over_changed, limits, dirty = live, true, false, true
end
