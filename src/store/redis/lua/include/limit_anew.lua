-- A new state, with what outlives the one before: terms set at run time. After a clock that was wrong (is_back) also
-- what was admitted, as if it had been now, quotas, pauses, pacing, and counters; see `decide/anew.rs`.
local old = S
S = {
  1, 0, 0, MAX, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', 0, '', 0, '', 0, 0, 0, 0, 0, old and old[24] or false,
  { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, {}, {}, 0, MAX, 0, 0, 0, 0, { 0, 0, 0, 0 }, {}
}
if is_back then
  dirty, S[2], S[26] = true, now, old[26]
  -- Where an end comes to lie that was told while the clock was right, or wrong.
  local function moved(ends, told)
    if ends <= now or told <= now then return ends end
    return now + max(0, ends - old[2])
  end
  S[10], S[11], S[12], S[13] = moved(old[10], old[33]), old[11], old[12], min(old[13], now)
  S[33], S[25], S[34], S[23], S[28] = min(old[33], now), old[25], old[34], old[23], old[28]
  S[35] = old[35]
  S[15], S[20] = min(old[15], now * 1000 + (old[24] or A[13])[1]), min(old[20], now + LEARNED_MS)
  S[30], S[31] = min(old[30], now), old[31]
  S[3] = max(now + A[9] + LATE_MS, now + lease_ms + 1, S[10] + HITS_MS, floor(S[15] / 1000) + 1, S[20])
  for q = 3, 15, 4 do -- What is left stays, for as long as it did.
    local Q = S[25]
    Q[q], Q[q + 1] = min(moved(Q[q], Q[q + 1]), now + min(A[8], PAUSE_MAX)), min(Q[q + 1], now)
    S[3] = max(S[3], Q[q])
  end
  for name, c in pairs(old[27]) do -- What they give is looked up with the agents.
    if c[5] == 1 then S[27][name], S[4] = { now + lease_ms, 0, 0, 0, 1 }, now + lease_ms end
  end
  for _, w in ipairs(S[26]) do
    w[3], w[7] = min(w[3], now), w[4] + w[5] + w[6] > 0 and { floor(now / w[2]), w[4], w[5], w[6] } or {}
    S[3] = max(S[3], (floor(now / w[2]) + 1) * w[2] + w[1])
  end
end
