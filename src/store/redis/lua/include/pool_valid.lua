-- SetValid: 4, size, deadline, fingerprint, valid 0|1. Out: 0, whether that is news.
local k = numbers[A[i + 3]]
local is_news = k and is_valid(k) ~= (A[i + 4] == 1)
if is_news then
  invalid[tokens[k]], dirty = A[i + 4] == 0 and now or nil, true
end
out[o + 1], out[o + 2], o = 0, is_news and 1 or 0, o + 2
