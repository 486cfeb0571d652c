-- Report: 2, size, deadline, fingerprint, resource, picked at ms (0 = nothing was),
--   answer: 0 served, 1 spent, 2 secondary limit, 3 unauthorized, wait ms (-1 = not told), jitter (thousandths),
--   remaining (-1 = no numbers), limit (-1 = not told), resets at ms, when the request left ms (0 = not told; heard
--   where nothing was picked). Out: 0, whether the policy names the token.
local k = numbers[A[i + 3]]
if k then
  local picked, answered, wait, jitter = A[i + 5], A[i + 6], A[i + 7], A[i + 8]
  local remaining, limit, resets = A[i + 9], A[i + 10], min(MAX, A[i + 11], now + 31 * DAY)
  local is_told = remaining >= 0 and resets > now
  if answered == 3 then invalid[tokens[k]] = now end
  local account, r = open(k, A[i + 4])
  local own = end_request(r[9], picked) and 1 or 0
  local others = under_way(r[9])
  -- Of a pick that is still to come, by a clock that was wrong, nobody knows when it was.
  local sure = picked <= now and picked or 0
  local left = sure
  if picked == 0 and remaining >= 0 and others == 0 then left = min(now, A[i + 12]) end
  -- Only what was surely sent after the last numbers were seen, and the last request was reported, is newer, and
  -- may tell of more; and the first numbers of an assumed window, less what was reported in it meanwhile.
  local is_last, is_first = left > r[10], r[11] > 0 and left >= r[11]
  local sent = (is_last or is_first) and max(0, left - 1) or 0
  if is_first and not is_last then others = others + r[12] end
  if picked > 0 then r[10], r[12] = now, r[11] > 0 and r[12] + 1 or 0 end
  if is_told then
    if limit >= 0 then r[1] = min(MAX, limit) end
    remaining = max(0, min(MAX, remaining))
    if now >= r[3] or sent >= r[4] then
      r[2], r[15], r[3], r[4], r[11], r[12] = remaining, others, resets, now, 0, 0
    else
      local resets_before = r[3]
      r[15] = max(0, r[15] - own)
      if remaining < r[2] then
        r[2], r[3] = remaining, max(r[3], resets)
        if r[11] == 0 then r[4] = now end
      end
      if remaining <= others then r[3] = max(r[3], resets) end
      if r[3] > resets_before then r[14] = now end
    end
  end
  if answered == 0 then
    served(r, 5, sure)
    served(account, 1, sure)
  elseif answered == 1 then
    local says_all = is_told and remaining == 0
    if not says_all then hit(r, 5, sure) end
    if wait >= 0 then
      rest_as_told(r, 5, now + wait)
    elseif not is_told then
      rest(r, 5, jitter, 0)
    elseif not says_all then
      rest_as_told(r, 5, resets)
    end
  elseif answered == 2 then
    hit(account, 1, sure)
    if wait >= 0 then
      rest_as_told(account, 1, now + wait)
    else
      rest(account, 1, jitter, 60000)
    end
  end
  prolong(account, r)
end
out[o + 1], out[o + 2], o = 0, k and 1 or 0, o + 2
