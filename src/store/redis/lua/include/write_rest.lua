-- Nothing below can meet a wrong type.
for p = 1, pushed and 3 or 0 do
  if pushed[p] > 0 then
    if length[p] == pushed[p] then call('PEXPIREAT', KEYS[HISTORY + p], S[p * 10 - 7] + shift) end
    if length[p] > A[18] then call('LTRIM', KEYS[HISTORY + p], -A[18], -1) end
  end
end
if gone and #gone > 0 then call('ZREMRANGEBYSCORE', KEYS[PENDING], '-inf', now) end
-- The index outlives what it lists, for whoever sweeps has to find what expired.
if adds and #adds > 0 then
  call('PEXPIREAT', KEYS[PENDING], min(MAX_TOKENS, S[33] + max(late_ttl, 60000) + shift))
end
for slot in pairs(R_new or {}) do
  local text = format('%.0f %.0f %.0f', R_tokens[slot], R_created[slot], R_expires[slot])
  if R_cost and R_cost[slot] then text = text .. format(' %.0f', R_cost[slot]) end
  call('SET', KEYS[slot], text, 'PXAT', min(MAX_TOKENS, R_expires[slot] + late_ttl + shift))
  for k = slot + 1, slot + R_copies[slot] - 1 do call('SET', KEYS[k], text, 'PXAT', R_expires[slot] + shift) end
end
for slot in pairs(R_drop or {}) do
  if stored[slot] then call('DEL', unpack(KEYS, slot, slot + R_copies[slot] - 1)) end
end
if fresh then
  for from = 1, #fresh, 1000 do
    call('HSET', KEYS[requests_key], unpack(fresh, from, min(from + 999, #fresh)))
  end
  if requests_end > 0 then call('PEXPIREAT', KEYS[requests_key], requests_end + shift) end
end
for p = 1, A[26] > 0 and 3 or 0 do
  if used[p + 3] > 0 then call('SET', KEYS[A[26] + p - 1], used[p + 3], 'PXAT', S[p * 10 - 7] + shift) end
end
--- @include write_cold
for k = 1, announce and #announce or 0 do redis.pcall('PUBLISH', A[23], announce[k]) end
