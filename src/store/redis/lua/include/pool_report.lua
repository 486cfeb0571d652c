-- Report: 2, size, deadline, fingerprint, resource, picked at ms (0 = nothing was),
--   answer: 0 served, 1 spent, 2 secondary limit, 3 unauthorized, wait ms (-1 = not told), jitter (thousandths),
--   remaining (-1 = no numbers), limit (-1 = not told), resets at ms. Out: 0, whether the policy names the token.
local k = numbers[A[i + 3]]
if k then
  local picked, answered, wait, jitter = A[i + 5], A[i + 6], A[i + 7], A[i + 8]
  local remaining, limit, resets = A[i + 9], A[i + 10], min(MAX, A[i + 11])
  local is_told = remaining >= 0 and resets > now
  if answered == 3 then invalid[tokens[k]] = now end
  local account, r = open(k, A[i + 4])
  end_request(r[9], picked)
  -- Only what was surely sent after the last numbers were seen, and the last request was reported, is newer, and
  -- may tell of more.
  local sent = picked > r[10] and picked - 1 or 0
  if picked > 0 then r[10] = now end
  if is_told then
    if limit >= 0 then r[1] = min(MAX, limit) end
    local told = max(0, min(MAX, remaining) - under_way(r[9]))
    local is_newer = now >= r[3] or sent >= r[4]
    if is_newer or told < r[2] then
      r[2], r[3], r[4] = told, is_newer and resets or max(r[3], resets), now
    end
  end
  if answered == 0 then
    served(r, 5, picked)
    served(account, 1, picked)
  elseif answered == 1 then
    local says_all = is_told and remaining == 0
    if not says_all then hit(r, 5, picked) end
    if wait >= 0 then
      rest_as_told(r, 5, now + wait)
    elseif not is_told then
      rest(r, 5, jitter, 0)
    elseif not says_all then
      rest_as_told(r, 5, resets)
    end
  elseif answered == 2 then
    hit(account, 1, picked)
    if wait >= 0 then
      rest_as_told(account, 1, now + wait)
    else
      rest(account, 1, jitter, A[7])
    end
  end
  prolong(account, r)
end
out[o + 1], out[o + 2], o = 0, k and 1 or 0, o + 2
