-- Counts a usage in each period whose window it lies in.
dirty = true
at = A[u + 8]
if not counted then macc, model_index = {}, {} end
counted = true
local first = A[u + 9] -- its record in ARGV
everywhere = at < 0 or at >= now or (at >= S[2] and at >= S[12] and at >= S[22])
local m = OTHER_MODELS
if total > 0 and (everywhere or at >= S[2] or at >= S[12] or at >= S[22]) then
  --- @include model
end
if everywhere then
  a1, a2, a3, a4 = a1 + A[u + 1], a2 + A[u + 2], a3 + A[u + 3], a4 + A[u + 4]
  a5, a6 = a5 + A[u + 5], a6 + A[u + 6]
  macc[m] = (macc[m] or 0) + total
  if first > 0 then
    local last = first
    --- @include append
  end
elseif first > 0 then
  --- @include spread
end
for p = 1, 3 do
  local s = p * 10
  if everywhere or at >= S[s - 8] then
    if not everywhere then
      for k = 1, 6 do S[s - 6 + k] = min(MAX_TOKENS, S[s - 6 + k] + A[u + k]) end
      S[m + p] = min(MAX_TOKENS, S[m + p] + total)
    end
    if first > 0 and not everywhere then H[p][#H[p] + 1] = ARGV[first] end
    local before, limit = used[p], limits[p]
    local after = before + total
    if after > MAX_TOKENS then after = MAX_TOKENS end
    used[p] = after
    if limit < 0 then
      if total > 0 then S[s - 6] = 0 end
    elseif total > 0 then
      --- @include level
    end
  end
end
