-- What was answered before, the clock, the state S, and the policy: by number, the fingerprint, account and weight
-- of each token; by fingerprint, its number. Reading meets every wrong type there can be: nothing is written yet.
-- The last answer is looked at by a retry only.
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
local text = call('GET', KEYS[1])
local S = text and select(2, lua_pcall(cmsgpack.unpack, text)) or { 1, 0, {}, {}, {}, 0, 0 }
if type(S) ~= 'table' or S[1] ~= 1 then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' is damaged or of an unknown version')
end
-- kept_writes: by fingerprint, what it is kept as from now on, false = not at all. listed: answers that list all
-- that is kept, as their first and last element.
local kept_count, kept_writes, listed = A[10] == 1 and call('HLEN', KEYS[3]) or 0, {}, {}
-- States of earlier versions are shorter.
for k = #S + 1, 7 do S[k] = k < 6 and {} or 0 end
-- A clock that is a little behind is taken to stand still.
local is_back = clock + 10000 < S[2]
local now, dirty = is_back and clock or max(clock, S[2]), false
--- @include pool_under_way
--- @include pool_unpack
if is_back then
  --- @include pool_anew
end
local current, invalid, packed, opened, changed = S[3], S[4], S[5], {}, {}
local tokens, account_of, weights, numbers = {}, {}, {}, {}
for k = 1, #A[11] / 3 do
  local fingerprint = A[11][k * 3 - 2]
  tokens[k], account_of[k], weights[k] = fingerprint, A[11][k * 3 - 1], A[11][k * 3]
  numbers[fingerprint] = numbers[fingerprint] or k
  -- Marks of tokens that somebody names are renewed once a day.
  local seen = invalid[fingerprint]
  if seen and A[4] == 1 and seen + DAY <= now and seen + WEEK > now then
    invalid[fingerprint], dirty = now, true
  end
end
local out, o = { A[1], clock, now }, 3
