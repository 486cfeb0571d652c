-- Reserve: 3, size, deadline, slot (number of its first key), periods (bits), name, tokens, ttl ms, cost (with A[26]).
-- Out: 0, created ms, expires ms, least available afterwards (-1 = unlimited)
--    | 5, period, its view.
local slot, bits, name, tokens = A[i + 3], A[i + 4], A[i + 5], A[i + 6]
--- @include reservation
local denied, cost = false, A[26] > 0 and A[i + 8] or 0
if R_state[slot] ~= 1 then
  if paused then denied = bits % 2 == 1 and 1 or bits % 4 == 2 and 2 or 3 end
  for p = 1, 3 do
    if not denied and floor(bits / 2 ^ (p - 1)) % 2 == 1 and limits[p] >= 0
      and tokens > limits[p] - used[p] - held[p] and tokens > 0 then
      denied = p
    end
  end
end
if cost > 0 and R_state[slot] ~= 1 then
  --- @include deny_cost
end
if denied then
  local p = denied
  local s = denied * 10 - 8
  out[o + 1], out[o + 2], out[o + 3], out[o + 4] = 5, denied, used[denied], held[denied]
  out[o + 5], out[o + 6], out[o + 7], o = limits[denied], S[s], S[s + 1], o + 7
  --- @include view_more
else
  if R_state[slot] ~= 1 then
    local expires = min(MAX_TOKENS, now + A[i + 7])
    R_state[slot], R_new[slot], R_drop[slot] = 1, true, nil
    R_tokens[slot], R_created[slot], R_expires[slot] = tokens, now, expires
    R_member[slot] = format('%s %.0f %.0f', name, tokens, now)
    if cost > 0 then
      R_cost = R_cost or {}
      R_cost[slot], R_member[slot] = cost, R_member[slot] .. format(' %.0f', cost)
    elseif R_cost then
      R_cost[slot] = nil
    end
    for p = 1, 3 do
      if floor(bits / 2 ^ (p - 1)) % 2 == 1 then
        held[p] = min(MAX_TOKENS, held[p] + tokens)
        S[p * 10 + 1] = S[p * 10 + 1] + 1
        if cost > 0 then held[p + 3] = min(MAX_TOKENS, held[p + 3] + cost) end
      end
    end
    if S[32] == 0 or expires < S[32] then S[32] = expires end
    if expires > S[33] then S[33] = expires end
    dirty = true
  end
  local remaining = -1
  for p = 1, 3 do
    if limits[p] >= 0 and floor(bits / 2 ^ (p - 1)) % 2 == 1 then
      local left = max(0, limits[p] - used[p] - held[p])
      if remaining < 0 or left < remaining then remaining = left end
    end
  end
  out[o + 1], out[o + 2], out[o + 3], out[o + 4] = 0, R_created[slot], R_expires[slot], remaining
  o = o + 4
end
