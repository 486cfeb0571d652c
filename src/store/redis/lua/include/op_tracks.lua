-- Tracks: 15, size, deadline (0), n, total, prompt, completion, cache read, cache write, reasoning,
-- unattributed, model, number of the first record in ARGV (0 = none), totals (packed).
-- The sums of n usages that count now, in every period, under one model. They are added at once;
-- where a threshold lies on their way the totals are looked at one by one.
-- Out: 0 for all, or 8, then per usage: 0 | 7, n, n x transition.
local n_usages, u, was = A[i + 3], i + 4, held
local total = A[u]
dirty = true
if not counted then macc, model_index = {}, {} end
counted = true
local m = 0
do
  --- @include model
end
a1, a2, a3, a4 = a1 + A[u + 1], a2 + A[u + 2], a3 + A[u + 3], a4 + A[u + 4]
a5, a6 = a5 + A[u + 5], a6 + A[u + 6]
macc[m] = (macc[m] or 0) + total
if A[u + 8] > 0 then
  local first, last = A[u + 8], A[u + 8] + n_usages - 1
  --- @include append
end
local crosses = false
for p = 1, 3 do
  local limit, level = limits[p], S[p * 10 - 6]
  if limit >= 0 and thresholds[1] then
    local before, after = used[p] + held[p], used[p] + held[p] + total
    if limit > 0 then
      before, after = before / limit, after / limit
    else
      before, after = before > 0 and MAX_LEVEL or 0, MAX_LEVEL
    end
    before = min(before, level)
    for k = 1, after >= thresholds[1] and #thresholds or 0 do
      if before < thresholds[k] and thresholds[k] <= after then crosses = true end
    end
  end
end
if crosses then
  out[o + 1], o = 8, o + 1
  for _, total in ipairs(cmsgpack.unpack(A[u + 9])) do
    local crossed, n = false, 0
    --- @include count
    out[o + 1], o = n > 0 and 7 or 0, o + 1
    if n > 0 then out[o + 1], o = n, o + 1 end
    for k = 1, n * 6 do out[o + k] = crossed[k] end
    o = o + n * 6
  end
else
  local crossed, n = false, 0
  --- @include count
  out[o + 1], o = 0, o + 1
end
