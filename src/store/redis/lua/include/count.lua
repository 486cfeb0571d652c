-- Adds `total` to the tokens used in every period and looks at the levels.
for p = 1, 3 do
  local s = p * 10
  local before, limit = used[p], limits[p]
  local after = before + total
  if after > MAX_TOKENS then after = MAX_TOKENS end
  used[p] = after
  if limit < 0 then
    S[s - 6] = 0
  else
    --- @include level
  end
end
