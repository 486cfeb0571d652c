-- Sets or removes the override at `at`. An id that had another period leaves no key behind.
local first = A[i + 3]
for k = first, first + 2 do call('STRLEN', KEYS[k]) end -- meets a wrong type before any write
cold = cold or {}
cold[#cold + 1] = { 'DEL', KEYS[first], KEYS[first + 1], KEYS[first + 2] }
out[o + 1], o = 0, o + 1
if kind == 9 and A[i + 7] > now then
  if not found then over_live = over_live + 4 end
  over[at], over[at + 1], over[at + 2], over[at + 3] = id, A[i + 5], A[i + 6], A[i + 7]
  cold[#cold + 1] = { 'SET', KEYS[first + (A[i + 5] - 1) % 3], A[i + 8], 'PXAT', A[i + 7] + shift }
elseif found then
  for k = 0, 3 do over[at + k] = over[over_live - 3 + k] end
  for k = over_live, over_live - 3, -1 do over[k] = nil end
  over_live = over_live - 4
end
if kind == 10 then
  out[o + 1], o = found and 1 or 0, o + 1
end
over_changed, limits, dirty = true, false, true
