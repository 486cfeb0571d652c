-- Nothing here meets a wrong type. The state lives as long as anything it tells of.
S[2], S[7] = now, max(S[7], now + WEEK)
for name, account in pairs(changed) do
  packed[name], S[7] = cmsgpack.pack(account), max(S[7], account[4])
end
-- Once a day what has outlived its time is forgotten. No decision depends on when this happens.
if now >= S[6] then
  S[6] = now + DAY
  for name, use in pairs(current) do
    if use[2] <= now then current[name] = nil end
  end
  for fingerprint, seen in pairs(invalid) do
    if seen + WEEK <= now then invalid[fingerprint] = nil end
  end
  for name, bytes in pairs(packed) do
    local account = unpacked(bytes)
    for resource, r in pairs(account[5]) do
      if r[8] <= now then account[5][resource] = nil end
    end
    packed[name] = account[4] > now and cmsgpack.pack(account) or nil
  end
end
call('SET', KEYS[1], cmsgpack.pack(S), 'PXAT', min(MAX, S[7] + shift))
for fingerprint, value in pairs(kept_writes) do
  if value then call('HSET', KEYS[3], fingerprint, value) else call('HDEL', KEYS[3], fingerprint) end
end
-- A batch in doubt may come back after a long outage. All that is kept would lie there once more: of that the
-- remembered answer says that its deadline has passed, and it is asked for anew.
if A[4] == 0 then return answer end
local remembered, from = answer, 1
if listed[1] then
  remembered = {}
  for _, range in ipairs(listed) do
    for k = from, range[1] - 1 do remembered[#remembered + 1] = out[k] end
    remembered[#remembered + 1], from = 1, range[2] + 1
  end
  for k = from, o do remembered[#remembered + 1] = out[k] end
  remembered = cmsgpack.pack(remembered)
end
call('PSETEX', KEYS[2], 3600000, remembered)
