-- The clock, read once and hardly ever going back; the state; what the operations name. Every key is looked at by a
-- command of its type before anything is written.
-- shift: from `now` to instants of the server, see clock.lua. P: permits and places by id, false = none.
-- changed: ids of P to be written. ends: ids with their new place in ENDS, false = none.
if A[2] == 1 then
  local last_answer = call('GET', KEYS[7])
  if last_answer and decode(last_answer)[1] == A[1] then return last_answer end
end
local time, shift = call('TIME'), 0
local now = time[1] * 1000 + floor(time[2] / 1000)
if A[3] > 0 then
  now, shift = A[3], now >= A[3] and now - A[3] + 86400000 or 0
end
local clock = now -- Deadlines are held against it as it is.
local stored = call('GET', KEYS[1])
local S = stored and select(2, pcall(decode, stored))
if stored and (type(S) ~= 'table' or S[1] ~= 1) then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' is damaged or of an unknown version')
end
-- States of earlier versions are shorter: nothing is known of the rest, and permits are looked for at once.
for k = S and #S + 1 or 36, 33 do S[k] = (k == 26 or k == 27) and {} or k == 33 and S[2] or 0 end
if S then S[34], S[35] = S[34] or { 0, 0, 0, 0 }, S[35] or {} end
local is_blank, is_back, dirty = not S, false, false
if S then
  is_back = now + BACK_MAX < S[2]
  if not is_back then now = max(now, S[2]) end
  is_blank = not is_back and now >= S[3]
end
local is_new = is_blank or is_back
out[2], out[3] = clock, now
if is_new then
  --- @include limit_anew
end
local P, changed, ends = {}, {}, {}
local function load_permits(ids)
  for from = 1, #ids, 1000 do
    local upto = min(from + 999, #ids)
    local values = call('HMGET', PERMITS, unpack(ids, from, upto))
    for k = from, upto do
      local id, value = ids[k], values[k - from + 1]
      if P[id] == nil then P[id] = value and not is_new and { decode(value) } or false end
    end
  end
end
load_permits(A[14])
-- What is touched only when somebody waits is looked at only then. Of the rest, ENDS is written first.
local is_due, may_wait = now >= S[29], is_new or A[15] == 1 or S[22] > 0
local due = is_due and call('ZRANGEBYSCORE', ENDS, '-inf', now) or {}
local ends_known = (is_due or may_wait) and call('ZCARD', ENDS) or S[21] + S[6]
local line_known = may_wait and call('ZCARD', LINE) or S[22]
if is_new or A[16] == 1 then call('HLEN', LEARNED) end
local G, is_lost = { { 0, 0, '', WHOLE, '', 0, 0, {} } }, ends_known ~= S[21] + S[6] or line_known ~= S[22]
if S[28] == 1 then
  local text = call('GET', AGENTS)
  if text then G = decode(text) else is_lost = true end
elseif is_new or A[15] == 1 then
  call('STRLEN', AGENTS)
end
if is_new then -- What other keys may still hold belongs to a time that is over.
  due, is_lost = {}, false
  if is_back then
    --- @include limit_anew_agents
  end
  if writes or is_back then call('DEL', PERMITS, ENDS, LINE, AGENTS) end
  if writes and is_blank then call('DEL', LEARNED) end
else
  load_permits(due)
  local is_missing = false
  for k = 1, A[17] do is_missing = is_missing or not P[A[14][k]] end
  for k = 1, #due do is_missing = is_missing or not P[due[k]] end
  if is_missing and call('HLEN', PERMITS) ~= S[21] + S[6] + S[22] then is_lost = true end
end
