-- Learn: 13, size, deadline, then name and what is added, each. Out: nothing.
-- Learned: 14, size, deadline. Out: n, n x (name, count).
if kind == 13 then
  local known, names, values = {}, {}, {}
  if now >= S[20] then call('DEL', LEARNED) end
  for k = i + 3, i + A[i + 1] - 1, 2 do names[#names + 1] = A[k] end
  local room = LEARNED_MAX - call('HLEN', LEARNED)
  for from = 1, #names, 1000 do
    local counts = call('HMGET', LEARNED, unpack(names, from, min(from + 999, #names)))
    for k, count in ipairs(counts) do known[names[from + k - 1]] = tonumber(count or nil) or false end
  end
  for k = 1, #names do
    local name, more = names[k], A[i + 2 + 2 * k]
    if known[name] or room > 0 then
      if not known[name] then room = room - 1 end
      known[name] = add(known[name] or 0, more)
    end
  end
  for name, count in pairs(known) do
    if count then values[#values + 1], values[#values + 2] = name, format('%.0f', count) end
  end
  for from = 1, #values, 1000 do call('HSET', LEARNED, unpack(values, from, min(from + 999, #values))) end
  S[20] = now + LEARNED_MS
  call('PEXPIREAT', LEARNED, S[20] + shift)
else
  local all = now < S[20] and call('HGETALL', LEARNED) or {}
  out[o + 1] = #all / 2
  for k = 1, #all, 2 do out[o + 1 + k], out[o + 2 + k] = all[k], tonumber(all[k + 1]) or 0 end
  o = o + 1 + #all
end
