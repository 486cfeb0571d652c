-- What was answered before, and the clock. Reading meets every wrong type there can be: nothing is written yet.
-- The last answer is looked at by a retry only; it tells which texts belong to it.
if A[2] == 1 then
  local packed = call('GET', KEYS[2])
  local before = packed and unpack_text(packed)
  if before and before[1] == A[1] then
    local reply, count = { packed }, before[#before]
    for k = #before - count, #before - 1 do
      local key = sub(before[k], 1, 1) == 'T' and KEYS[4] or KEYS[13]
      reply[#reply + 1] = call('HGET', key, sub(before[k], 2))
    end
    return reply
  end
end
local time = call('TIME')
local now = A[3] > 0 and A[3] or time[1] * 1000 + floor(time[2] / 1000)
if A[4] == 1 then
  for _, k in ipairs({ 1, 3, 4, 12, 13 }) do call('HLEN', KEYS[k]) end
  for k = 5, 19 do
    if k ~= 12 and k ~= 13 then call('ZCARD', KEYS[k]) end
  end
  call('STRLEN', KEYS[2])
end
-- texts: what the reply brings beside `out`, named in `wanted`. changed: whether anything was.
local out, o, texts, wanted, changed = { A[1], now, -1 }, 3, {}, {}, false
