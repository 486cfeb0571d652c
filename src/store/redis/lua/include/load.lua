-- stored: what the first keys hold. S: the state. used, held: tokens per period in this window.
-- rolled: periods whose section starts anew. A wrong type reads as nil here; write_checked finds it.
-- The last answer is looked at by a retry only: it can be long, and every string is hashed from end to end
-- before Lua sees it.
if A[2] == 1 then
  local last_answer = call('GET', KEYS[CALLS])
  if last_answer and cmsgpack.unpack(last_answer)[1] == A[1] then return last_answer end
end
local stored = call('MGET', unpack(KEYS, 1, min(9 + records, 1000)))
for from = 1001, 9 + records, 1000 do
  local more = call('MGET', unpack(KEYS, from, min(from + 999, 9 + records)))
  for k = 1, #more do stored[from + k - 1] = more[k] end
end
-- Tokens are settled far more often than money: without any held, its keys are left alone.
if A[27] == 1 then
  local has_money = false
  for k = 10, 9 + records do has_money = has_money or match(stored[k] or '', '^%d+ %d+ %d+ %d') end
  if not has_money then A[26] = 0 end
end
-- M: money. used, held, limits 4-6 are money as well; nobody looks there without it.
local is_read, S, M = true
if stored[1] then is_read, S, M = lua_pcall(cmsgpack.unpack, stored[1]) end
S = S or { 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
if not is_read or type(S) ~= 'table' or S[1] ~= 2 then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' is damaged or of an unknown version')
end
local used, held, rolled, suspects, latest_before = {}, {}, false, false, S[33]
local held_is_lost = not stored[1]
for p = 1, 3 do
  local s, w = p * 10 - 8, p * 3 + 1
  local u, h = tonumber(stored[p + 3] or 0) or -1, tonumber(stored[p + 6] or 0) or -1
  -- A window that is not over stays in force, also for a tracker of another time zone, or when the clock went
  -- back behind its start.
  if now >= S[s + 1] then
    -- Without a state (deleted by hand, or evicted) a counter that is still there is of this window.
    if stored[1] or u == 0 then
      rolled, u = rolled or {}, 0
      rolled[p] = true
    end
    S[s], S[s + 1] = A[w], A[w + 1]
    for k = s + 2, s + 8 do S[k] = 0 end
    if p == 3 then
      for k = #S, OTHER_MODELS + 4, -1 do S[k] = nil end
    end
    for k = OTHER_MODELS + p, #S, 4 do S[k] = 0 end
  end
  if u % 1 ~= 0 or h % 1 ~= 0 or u < 0 or h < 0 then
    return redis.error_reply('ERR ' .. KEYS[u % 1 == 0 and u >= 0 and p + 6 or p + 3] .. ' holds no number of tokens')
  end
  -- A counter that should be there reads as nil when it was deleted, or is of another type.
  if not stored[p + 3] and not (rolled and rolled[p]) and S[s + 3] + S[s + 4] + S[s + 8] > 0 then
    suspects = suspects or {}
    suspects[#suspects + 1] = KEYS[p + 3]
  end
  if not stored[p + 6] and S[p * 10 + 1] > 0 then
    suspects = suspects or {}
    suspects[#suspects + 1] = KEYS[p + 6]
    held_is_lost = true
  end
  used[p], held[p] = min(u, MAX_TOKENS), h
end
if suspects and call('EXISTS', unpack(suspects)) > 0 then
  return redis.error_reply('WRONGTYPE a counter of this budget holds the wrong kind of value')
end
if M or A[26] > 0 then
  --- @include load_cost
end
if held_is_lost then
  --- @include rebuild
end
