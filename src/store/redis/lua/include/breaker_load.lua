-- What was answered before, the clock, and the state S. Reading meets every wrong type there can be: nothing is
-- written yet. The last answer is looked at by a retry only.
if A[2] == 1 then
  local last_answer = call('GET', KEYS[2])
  if last_answer and cmsgpack.unpack(last_answer)[1] == A[1] then return last_answer end
end
local time, shift = call('TIME'), 0
local clock = time[1] * 1000 + floor(time[2] / 1000)
-- shift: from `now` to instants of the server, as for budgets.
if A[3] > 0 then
  clock, shift = A[3], clock >= A[3] and clock - A[3] + DAY or 0
end
local text, dirty, is_over = call('GET', KEYS[1]), false, false
local S = text and select(2, lua_pcall(cmsgpack.unpack, text)) or false
if S and (type(S) ~= 'table' or S[1] ~= 1 or #S ~= 14) then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' is damaged or of an unknown version')
end
-- After a clock that went back, every instant moves with it: nothing lasts longer than its time allows. Up to a second
-- is waited for.
local back = S and max(0, S[2] - clock) or 0
local now = back > 0 and back <= 1000 and S[2] or clock
if back > 1000 then
  S[2], dirty = now, true
  for _, at in ipairs({ 6, 8, 9, 12, 14 }) do
    if S[at] > 0 and S[at] < MAX then S[at] = max(1, S[at] - back) end
  end
  for at = 1, #S[5], 3 do S[5][at] = max(0, S[5][at] - back) end
end
-- What has outlived its life is gone.
if not S or (S[14] < MAX and S[14] <= now) then
  S, dirty, is_over = { 1, 0, 0, 0, {}, 0, 0, 0, 0, 0, '', 0, 0, 0 }, false, text and A[4] == 1
end
dirty = dirty and A[4] == 1
local out, o = { A[1], clock }, 2
