-- Endpoint: 15, size, deadline, -1, enabled 0|1, endpoint. Out: 0, whether that is news.
-- Endpoints: 16, size, deadline. Out: 0, n, then n disabled ones.
-- Broadcast: 17, size, deadline, -1, the number of its text. Out: 0, 1.
if kind == 15 then
  local is_news
  if A[i + 4] == 1 then is_news = call('ZREM', KEYS[19], A[i + 5]) == 1 else is_news = disable(A[i + 5]) end
  changed = changed or is_news
  out[o + 1], out[o + 2], o = 0, is_news and 1 or 0, o + 2
elseif kind == 16 then
  local endpoints = call('ZRANGE', KEYS[19], 0, -1)
  out[o + 1], out[o + 2], o = 0, #endpoints, o + 2
  for _, endpoint in ipairs(endpoints) do
    out[o + 1], o = endpoint, o + 1
  end
else
  messages[#messages + 1], changed = ARGV[A[i + 4]], true
  out[o + 1], out[o + 2], o = 0, 1, o + 2
end
