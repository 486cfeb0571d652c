-- When the next open reservation expires. Looked up only when the soonest one has ended. A batch
-- that only reads tells the stored instant, which may have passed: a sweep is due.
if not writes then
elseif S[11] + S[21] + S[31] == 0 then
  S[32], S[33] = 0, 0
elseif find_next then
  S[32] = 0
  local entries = call('ZRANGEBYSCORE', KEYS[PENDING], '(' .. format('%.0f', now), '+inf',
    'WITHSCORES', 'LIMIT', 0, removed_count + 1)
  for k = 1, #entries, 2 do
    if S[32] == 0 and not (removed and removed[entries[k]]) then S[32] = tonumber(entries[k + 1]) end
  end
  for slot in pairs(R_new or {}) do
    if S[32] == 0 or R_expires[slot] < S[32] then S[32] = R_expires[slot] end
  end
  if S[32] == 0 then -- The index was deleted from outside: nothing is held any more.
    for p = 1, 3 do held[p], S[p * 10 + 1] = 0, 0 end
    if M then held[4], held[5], held[6] = 0, 0, 0 end
  end
end
out[4] = S[32]
