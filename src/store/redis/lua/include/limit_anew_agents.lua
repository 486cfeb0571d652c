-- After a clock that was wrong: shares stay, with clients that are alive as of now. Agents are without permits and
-- places, and what they used counts as if it had been now; see `decide/anew.rs`.
for k = 1, #G do
  local agent = G[k]
  agent[6], agent[7] = 0, 0
  for _, w in ipairs(agent[8]) do
    w[3], w[7] = now, w[4] + w[5] + w[6] > 0 and { floor(now / w[2]), w[4], w[5], w[6] } or {}
  end
  if agent[5] ~= '' then
    local giver = S[27][agent[5]] or { now + lease_ms, 0, 0, 0, 1 }
    giver[4], S[4], S[27][agent[5]] = giver[4] + 1, now + lease_ms, giver
  end
end
