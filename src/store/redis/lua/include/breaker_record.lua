-- Record: 2, size, deadline, successes, failures, reset in ms (-1 = not told). Out: nothing granted.
local successes, failures, reset_in = A[i + 3], A[i + 4], A[i + 5]
local reset_at = reset_in >= 0 and min(MAX, now + reset_in) or 0
if S[3] == 1 and failures > 0 and reset_in >= 0 and S[9] ~= MAX then
  -- It stays open until a later reset, within the longest time.
  local until_ms = min(reset_at, S[8] + A[10])
  if until_ms > S[9] then S[9], changed = until_ms, 2 end
elseif S[3] == 0 and A[5] == 0 then
  -- Others need to hear of the first failure, so that they tell of successes, and of its end.
  local had = S[4]
  if successes > 0 and had > 0 then S[4], S[6] = 0, 0 end
  if failures == 0 then
    if S[4] ~= had then changed = 2 end
  else
    S[4], S[6] = min(MAX, S[4] + failures), max(S[6], reset_at)
    changed = had == 0 and 2 or 1
    if S[4] >= A[6] then changed = open(S[6]) end
  end
elseif S[3] == 0 and (successes > 0 or failures > 0) then
  count(successes, failures)
  changed = 1
  if failures > 0 then
    S[6] = max(S[6], reset_at)
    local succeeded, failed = counted()
    local calls = succeeded + failed
    if calls >= A[7] and failed * 1000000 >= min(1000000, A[6]) * calls then
      S[4], changed = failed, open(S[6])
    end
  end
end
