-- Adds what was counted in every period to the sections and models.
if counted then
  for p = 10, 30, 10 do
    S[p - 5], S[p - 4] = min(MAX_TOKENS, S[p - 5] + a1), min(MAX_TOKENS, S[p - 4] + a2)
    S[p - 3], S[p - 2] = min(MAX_TOKENS, S[p - 3] + a3), min(MAX_TOKENS, S[p - 2] + a4)
    S[p - 1], S[p] = min(MAX_TOKENS, S[p - 1] + a5), min(MAX_TOKENS, S[p] + a6)
  end
  for m, tokens in pairs(macc) do
    for k = m + 1, m + 3 do S[k] = min(MAX_TOKENS, S[k] + tokens) end
  end
  a1, a2, a3, a4, a5, a6, counted = 0, 0, 0, 0, 0, 0, false
end
