-- Restore: 12, size, deadline, when it was seen ms, paused until ms, hits, kind of hit, next admission us, per unit: limit (-1 = not known),
-- left, resets ms; then per window: window ms, n, n x part.
local function remembered(ends) return min(ends, now + max(0, ends - A[i + 3])) end
S[31] = paused_by()
if S[31] == 0 then S[31] = A[i + 6] end
pause_until(min(remembered(A[i + 4]), now + PAUSE_MAX))
S[11] = max(S[11], min(A[i + 5], HITS_MAX))
if S[11] > 0 then S[12] = 1 end
local next_us = min(A[i + 7], now * 1000 + T[1])
if next_us > S[15] then S[15], S[16], S[17] = next_us, '', 0 end
for unit = 0, 3 do
  local u = i + 8 + unit * 3
  if now >= S[25][unit * 4 + 3] then learn_quota(unit, A[u], A[u + 1], remembered(A[u + 2]), 0, 0) end
end
local u, ends_at = i + 20, i + A[i + 1]
while u < ends_at do
  local w = window_of(A[u])
  for k = u + 2, w and u + 1 + 4 * A[u + 1] or 0, 4 do
    local number, r, n, t = A[k], A[k + 1], A[k + 2], A[k + 3]
    if number <= floor(now / w[2]) and now < (number + 1) * w[2] + w[1] then
      local at, is_there = find(w[7], number)
      if is_there then
        local parts = w[7]
        local r1, n1, t1 = parts[at + 1], parts[at + 2], parts[at + 3]
        parts[at + 1], parts[at + 2], parts[at + 3] = max(r, r1), max(n, n1), max(t, t1)
        in_sum(w, r1, n1, t1, max(r, r1), max(n, n1), max(t, t1))
      else
        insert(w, at, number, r, n, t)
      end
    end
  end
  u = u + 2 + 4 * A[u + 1]
end
