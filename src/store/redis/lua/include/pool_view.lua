-- Count: 5, size, deadline, resource. Out: 0, tokens that can be picked now.
-- View: 6, size, deadline. Out: 0, then per token of the policy: valid 0|1, n, then n times
--   resource, limit, left, resets at ms, seen at ms, paused until ms (0 = not paused), under way.
if kind == 5 then
  local count = 0
  for k = 1, #tokens do
    if is_valid(k) and free_at(k, A[i + 3]) == now then count = count + 1 end
  end
  out[o + 1], out[o + 2], o = 0, count, o + 2
else
  out[o + 1], o = 0, o + 1
  for k = 1, #tokens do
    local account = look(k)
    local count_at = o + 2
    out[o + 1], out[count_at], o = is_valid(k) and 1 or 0, 0, count_at
    for name, r in pairs(account and account[5] or {}) do
      if r[8] > now then
        local paused = max(account[1], r[5])
        out[count_at] = out[count_at] + 1
        out[o + 1], out[o + 2], out[o + 3], out[o + 4], out[o + 5] = name, r[1], left_of(r), r[3], r[4]
        out[o + 6], out[o + 7], o = paused > now and paused or 0, under_way(r[9]), o + 7
      end
    end
  end
end
