-- The money of this window. Without it, what the keys of money say: there are none, or the state was lost.
-- M[10]: money is known to be held only, for who made M anew did not know the keys.
local kept = false
if A[26] > 0 and (not M or M[10]) then
  M = M or { 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  M[10], kept = nil, call('MGET', KEYS[A[26]], KEYS[A[26] + 1], KEYS[A[26] + 2])
end
for p = 1, 3 do
  if stored[1] and rolled and rolled[p] then
    M[p], M[p + 6] = 0, 0
  elseif kept and kept[p] then
    M[p] = tonumber(kept[p]) or -1
    if M[p] < 0 or M[p] % 1 ~= 0 then
      return redis.error_reply('ERR ' .. KEYS[A[26] + p - 1] .. ' holds no amount of money')
    end
  end
  used[p + 3], held[p + 3] = min(M[p], MAX_TOKENS), M[p + 3]
end
