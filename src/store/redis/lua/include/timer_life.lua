-- While nothing is due any more, keys end when what they tell of has outlived its life; disabled endpoints stay.
-- However long: a key that has no end yet gets one with the next batch, and one that has an end loses it as soon as
-- something is due again.
local was_idle = call('HEXISTS', KEYS[1], 'idle') == 1
if not next_due then
  call('HSET', KEYS[1], 'idle', 1)
  local life = min(31536000000000, max(A[5], A[6])) + 86400000
  for k = 1, 18 do call('PEXPIRE', KEYS[k], string.format('%.0f', life)) end
elseif was_idle then
  call('HDEL', KEYS[1], 'idle')
  for k = 1, 18 do call('PERSIST', KEYS[k]) end
end
