-- Levels before and after a recording; a transition when a threshold lies between them.
-- Comparisons instead of math.min: a call costs more than all the rest.
before, after = before + was[p], after + held[p]
if before > MAX_TOKENS then before = MAX_TOKENS end
if after > MAX_TOKENS then after = MAX_TOKENS end
if limit > 0 then
  before, after = before / limit, after / limit
  if before > MAX_LEVEL then before = MAX_LEVEL end
  if after > MAX_LEVEL then after = MAX_LEVEL end
else
  before, after = before > 0 and MAX_LEVEL or 0, after > 0 and MAX_LEVEL or 0
end
if S[s - 6] < before then before = S[s - 6] end
S[s - 6] = after
if after > before and thresholds[1] and after >= thresholds[1] then
  for k = 1, #thresholds do
    if before < thresholds[k] and thresholds[k] <= after then
      crossed = crossed or {}
      local c = n * 6
      crossed[c + 1], crossed[c + 2], crossed[c + 3] = p, before, after
      crossed[c + 4], crossed[c + 5], crossed[c + 6], n = used[p], held[p], limit, n + 1
      if A[23] ~= '' then
        announce = announce or {}
        announce[#announce + 1] = format('1 %s %d %.17g %.17g %.0f %.0f %.0f %.0f',
          A[24], p - 1, before, after, used[p], held[p], limit, now)
      end
      break
    end
  end
end
