-- Reservations whose time is over give their tokens back. gone: members and expiries, in order.
-- find_next: the next expiry has to be looked up.
local gone, find_next = false, false
if S[32] > 0 and S[32] <= now then
  gone = call('ZRANGEBYSCORE', KEYS[PENDING], '-inf', now, 'WITHSCORES')
  find_next = true
  if #gone == 0 then -- The index ended before anybody looked, or was deleted: what it still lists is what is held.
    --- @include rebuild
  end
  for g = 1, #gone, 2 do
    local bits, tokens = match(gone[g], '^(%d)%S+ (%d+) ')
    local cost = M and tonumber(match(gone[g], '^%S+ %d+ %d+ (%d+)$'))
    bits, tokens = tonumber(bits), tonumber(tokens)
    for p = 1, 3 do
      if floor(bits / 2 ^ (p - 1)) % 2 == 1 then
        held[p] = max(0, held[p] - tokens)
        S[p * 10 + 1] = max(0, S[p * 10 + 1] - 1)
        if cost then held[p + 3] = max(0, held[p + 3] - cost) end
      end
    end
    if writes then
      out[o + 1], out[o + 2] = gone[g], tonumber(gone[g + 1])
      o = o + 2
    end
  end
  if writes and #gone > 0 then
    out[5], dirty = #gone / 2, true
    S[34] = max(S[34], now)
  end
end
