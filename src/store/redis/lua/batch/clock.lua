-- The store's clock, read once, and the calendar window of each period: A[p*3+1], A[p*3+2].
local now = A[3]
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000 + floor(time[2] / 1000)
end
out[3] = now
for w = 4, 10, 3 do
  if now < A[w] or now >= A[w + 2] then
    out[2] = 1
    return cmsgpack.pack(out)
  end
  if now >= A[w + 1] then A[w], A[w + 1] = A[w + 1], A[w + 2] end
end
