-- A counter or the state is gone (deleted by hand, or evicted): what is held is what the index of open
-- reservations says.
for p = 1, 3 do held[p], S[p * 10 + 1] = 0, 0 end
if M then held[4], held[5], held[6] = 0, 0, 0 end
S[32], S[33] = 0, 0
local members = call('ZRANGEBYSCORE', KEYS[PENDING], '-inf', '+inf', 'WITHSCORES')
for g = 1, #members, 2 do
  local bits, tokens = match(members[g], '^(%d)%S+ (%d+) ')
  local cost = tonumber(match(members[g], '^%S+ %d+ %d+ (%d+)$'))
  bits, tokens = tonumber(bits), tonumber(tokens)
  if cost and not M then
    M = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } -- see load_cost
    for p = 4, 6 do used[p], held[p] = 0, 0 end
  end
  for p = 1, 3 do
    if floor(bits / 2 ^ (p - 1)) % 2 == 1 then
      held[p], S[p * 10 + 1] = min(MAX_TOKENS, held[p] + tokens), S[p * 10 + 1] + 1
      if cost then held[p + 3] = min(MAX_TOKENS, held[p + 3] + cost) end
    end
  end
  S[33] = tonumber(members[g + 1])
  if S[32] == 0 then S[32] = S[33] end
end
latest_before = 0
