-- Adds `cost` to the money used in every period that the usage counts in, and looks at the levels.
for p = 4, 6 do
  if everywhere or at >= S[p * 10 - 38] then
    local before, limit = used[p], limits[p] or -1
    local after = before + cost
    if after > MAX_TOKENS then after = MAX_TOKENS end
    used[p] = after
    local S, s = M, p + 9 -- Levels of money are M[7] to M[9].
    if limit < 0 then
      S[s - 6] = 0
    else
      --- @include level
    end
  end
end
