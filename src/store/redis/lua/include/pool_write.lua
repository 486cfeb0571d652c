-- Forgets what has outlived its time; the state lives as long as the rest of it. Nothing here meets a wrong type.
S[2] = now
local life = now + WEEK
for name, use in pairs(current) do
  if use[2] <= now then current[name] = nil else life = max(life, use[2]) end
end
for fingerprint, seen in pairs(invalid) do
  if seen + WEEK <= now then invalid[fingerprint] = nil else life = max(life, seen + WEEK) end
end
for name, account in pairs(accounts) do
  if account[4] <= now then
    accounts[name] = nil
  else
    life = max(life, account[4])
    for resource, r in pairs(account[5]) do
      if r[8] <= now then account[5][resource] = nil end
    end
  end
end
call('SET', KEYS[1], cmsgpack.pack(S), 'PXAT', min(MAX, life + shift))
for fingerprint, value in pairs(kept_writes) do
  if value then call('HSET', KEYS[3], fingerprint, value) else call('HDEL', KEYS[3], fingerprint) end
end
-- A batch in doubt may come back after a long outage. All that is kept would lie there once more: of that the
-- remembered answer says that its deadline has passed, and it is asked for anew.
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
