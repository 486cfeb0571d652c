-- Force: 5, size, deadline, state, for ms (-1 = until it is closed by hand). Out: nothing granted.
-- Restore: 6, size, deadline, and a view: state, failures, successes, opened at ms, open until ms, openings.
local state = A[i + 3]
if kind == 5 then
  local for_ms, until_ms = A[i + 4], S[9]
  if state == 0 then
    until_ms = 0
  elseif state == 1 then
    if before ~= 1 then S[10] = min(MAX, S[10] + 1) end
    until_ms = for_ms >= 0 and min(MAX, now + for_ms) or MAX
  end
  changed = enter(state, until_ms)
else
  local failures, successes, opened_at, until_ms = A[i + 4], A[i + 5], min(A[i + 6], now), A[i + 7]
  if state == 0 then
    until_ms = 0
  elseif until_ms < MAX then
    until_ms = min(until_ms, now + A[10], MAX)
  end
  changed = enter(state, until_ms)
  S[8] = opened_at
  if state ~= 0 then S[8], S[10] = max(1, opened_at), max(1, A[i + 8]) end
  if state == 0 and A[5] == 1 then
    if successes > 0 or failures > 0 then count(successes, failures) end
  else
    S[4] = failures
  end
  if state == 2 then S[7] = successes end
end
