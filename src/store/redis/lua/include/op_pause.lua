-- Pause:    16, size, deadline, until ms (0 = until it is resumed), document. Out: as of GetPause.
-- Resume:   17, size, deadline. Out: 0, whether it was paused.
-- GetPause: 18, size, deadline. Out: 0, 0; or 0, 1, until ms (0 = until it is resumed), since ms, document.
if kind == 16 then
  pause_text = (A[i + 3] == 0 or A[i + 3] > now) and format('%.0f %.0f ', A[i + 3], now) .. A[i + 4]
end
local ends, since, document = match(pause_text or '', '^(%d+) (%d+) ({.*)$')
local is_paused = ends and (ends == '0' or tonumber(ends) > now)
out[o + 1], out[o + 2], o = 0, is_paused and 1 or 0, o + 2
if kind ~= 17 and is_paused then
  out[o + 1], out[o + 2], out[o + 3], o = tonumber(ends), tonumber(since), document, o + 3
end
if kind ~= 18 then
  if kind == 17 then pause_text = false end
  limits, limits_changed, dirty = false, true, true
  if is_paused and A[23] ~= '' then
    announce = announce or {}
    local told = pause_text and '2 ' .. A[24] .. ' ' .. pause_text or '3 ' .. A[24] .. format(' %.0f', now)
    announce[#announce + 1] = told
  end
end
