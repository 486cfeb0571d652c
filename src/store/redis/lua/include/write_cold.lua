-- Limits, pauses and overrides, when they changed.
if limits_changed then
  local text = (limits_text or '') .. (pause_text and '!' .. pause_text or '')
  local ends = tonumber(match(text, '^!(%d+)') or 0) -- A pause alone ends with its key.
  if text == '' then
    call('DEL', KEYS[2])
  elseif ends > 0 then
    call('SET', KEYS[2], text, 'PXAT', ends + shift)
  else
    call('SET', KEYS[2], text)
  end
end
if over_changed then
  local head, latest = { MAX_TOKENS, 0, 0, 0, 0, 0, 0 }, 0
  for k = 1, #over, 4 do
    local period, tokens, expires = over[k + 1], over[k + 2], over[k + 3]
    head[1], latest = min(head[1], expires), max(latest, expires)
    head[period + 1] = min(MAX_TOKENS, head[period + 1] + tokens)
  end
  if latest > 0 then
    call('SET', KEYS[3], cmsgpack.pack(head, over), 'PXAT', latest + shift)
  else
    call('DEL', KEYS[3])
  end
end
for k = 1, cold and #cold or 0 do call(unpack(cold[k])) end
