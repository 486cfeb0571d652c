-- The store's clock, read once, and the calendar window of each period: A[p*3+1], A[p*3+2].
-- shift: from `now` to instants of the server. With a manual twin that is behind, keys live by the server's
-- clock as long as they would, and a day. With one that is ahead they say when they would end; tests of that
-- end them by hand.
local time, shift = call('TIME'), 0
local now = time[1] * 1000 + floor(time[2] / 1000)
if A[3] > 0 then
  now, shift = A[3], now >= A[3] and now - A[3] + 86400000 or 0
end
out[3] = now
for w = 4, 10, 3 do
  if now < A[w] or now >= A[w + 2] then
    out[2] = 1
    return cmsgpack.pack(out)
  end
  if now >= A[w + 1] then A[w], A[w + 1] = A[w + 1], A[w + 2] end
end
