-- Levels before and after a recording; a transition when a threshold lies between them.
before, after = min(MAX_TOKENS, before + was[p]), min(MAX_TOKENS, after + held[p])
if limit > 0 then
  before, after = min(MAX_LEVEL, before / limit), min(MAX_LEVEL, after / limit)
else
  before, after = before > 0 and MAX_LEVEL or 0, after > 0 and MAX_LEVEL or 0
end
before = min(before, S[s - 6])
S[s - 6] = after
if after > before then
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
