-- ListReservations: 12, size, deadline, period (0 = all), offset, count.
-- Out: 0, n, n x (member of pending, expires ms); soonest expiry first, then by name.
local wanted, offset, count = A[i + 3], A[i + 4], A[i + 5]
local list, added = {}, false
local after = '(' .. format('%.0f', now)
for _ in pairs(R_new or {}) do added = true end
local entries
if wanted == 0 and not added and removed_count == 0 then
  entries = call('ZRANGEBYSCORE', KEYS[PENDING], after, '+inf', 'WITHSCORES', 'LIMIT', offset, count)
  offset = 0
else
  entries = call('ZRANGEBYSCORE', KEYS[PENDING], after, '+inf', 'WITHSCORES')
end
for k = 1, #entries, 2 do
  if not (removed and removed[entries[k]]) then list[#list + 1] = { entries[k], tonumber(entries[k + 1]) } end
end
if added then
  for slot in pairs(R_new) do
    if R_expires[slot] > now then list[#list + 1] = { R_member[slot], R_expires[slot] } end
  end
  table.sort(list, function(a, b) return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1]) end)
end
local n_at, skipped, n = o + 2, 0, 0
out[o + 1], o = 0, o + 2
for k = 1, #list do
  local bits = tonumber(match(list[k][1], '^%d'))
  if wanted == 0 or floor(bits / 2 ^ (wanted - 1)) % 2 == 1 then
    if skipped < offset then
      skipped = skipped + 1
    elseif n < count then
      out[o + 1], out[o + 2], o, n = list[k][1], list[k][2], o + 2, n + 1
    end
  end
end
out[n_at] = n
