-- The reservation ends. was: the tokens held as the settle began.
late = R_state[slot] == 2 and 1 or 0
dirty = true
if late == 0 then
  was = { held[1], held[2], held[3] }
  local cost = R_cost and R_cost[slot]
  if M then was[4], was[5], was[6] = held[4], held[5], held[6] end
  for p = 1, 3 do
    if floor(bits / 2 ^ (p - 1)) % 2 == 1 then
      held[p] = max(0, held[p] - R_tokens[slot])
      S[p * 10 + 1] = max(0, S[p * 10 + 1] - 1)
      if cost and M then held[p + 3] = max(0, held[p + 3] - cost) end
    end
  end
  if not R_new[slot] then
    removed[R_member[slot]], removed_count = true, removed_count + 1
  end
  find_next = find_next or R_expires[slot] <= S[32]
end
R_state[slot], R_new[slot], R_drop[slot] = 0, nil, true
