-- Release: 8, size, deadline, holder, timers, deliveries. Out: 0, whether any was the holder's.
-- Renew: 9, size, deadline, holder, timers, deliveries, lease ms. Out: 0, how many still are.
local count = 0
for k, t in ipairs({ T, D }) do
  for _, name in ipairs(A[i + 3 + k]) do
    local r = look(t, name)
    if r and is_of(r, id) then
      count = count + 1
      if kind == 8 then unclaim(r) else claim(r, id, A[i + 6]) end
      put(t, name, r)
    end
  end
end
if kind == 9 and count > 0 then claimed_at = max(last_claim(), now) end
out[o + 1], out[o + 2], o = 0, kind == 8 and min(1, count) or count, o + 2
