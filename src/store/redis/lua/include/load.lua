-- stored: what the first keys hold. S: the state. used, held: tokens per period in this window.
-- rolled: periods whose section starts anew. A wrong type reads as nil here; write_checked finds it.
local stored = call('MGET', unpack(KEYS, 1, min(10 + records, 1000)))
for from = 1001, 10 + records, 1000 do
  local more = call('MGET', unpack(KEYS, from, min(from + 999, 10 + records)))
  for k = 1, #more do stored[from + k - 1] = more[k] end
end
if A[2] == 1 and stored[10] and cmsgpack.unpack(stored[10])[1] == A[1] then return stored[10] end
local S = stored[1] and cmsgpack.unpack(stored[1])
  or { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
if S[1] ~= 1 then return redis.error_reply('ERR the state of this budget has an unknown version') end
local used, held, rolled = {}, {}, false
for p = 1, 3 do
  local s, w = p * 10 - 8, p * 3 + 1
  local u, h = (stored[p + 3] or 0) + 0, (stored[p + 6] or 0) + 0
  if S[s] < A[w] then
    rolled = rolled or {}
    rolled[p] = true
    S[s], S[s + 1], u = A[w], A[w + 1], 0
    for k = s + 2, s + 8 do S[k] = 0 end
    if p == 3 then
      for k = #S, 39, -1 do S[k] = nil end
    end
    for k = OTHER_MODELS + p, #S, 4 do S[k] = 0 end
  end
  if u % 1 ~= 0 or h % 1 ~= 0 then return redis.error_reply('ERR a counter of this budget is no integer') end
  used[p], held[p] = min(u, MAX_TOKENS), h
end
