-- Counters live until their window ends, held tokens until the latest reservation does. INCRBY is
-- the cheapest write; a number it cannot read ("1e3", set by hand) is written anew.
for p = 1, 3 do
  local was, kept = stored[p + 3], not (rolled and rolled[p])
  if was and kept then
    local more = used[p] - was
    if more > 0 and type(pcall('INCRBY', KEYS[p + 3], more)) == 'table' then
      call('SET', KEYS[p + 3], used[p], 'KEEPTTL')
    end
  elseif used[p] > 0 then
    call('SET', KEYS[p + 3], used[p], 'PXAT', S[p * 10 - 7] + shift)
  elseif was then
    call('DEL', KEYS[p + 3])
  end
  local before = tonumber(stored[p + 6] or 0)
  if held[p] == 0 or S[p * 10 + 1] == 0 then
    if stored[p + 6] then call('DEL', KEYS[p + 6]) end
  elseif held[p] > before then
    call('SET', KEYS[p + 6], held[p], 'PXAT', S[33] + shift)
  elseif held[p] < before then
    call('SET', KEYS[p + 6], held[p], 'KEEPTTL')
  end
end
local life = max(S[23], S[33])
if stored[1] and life <= S[35] then
  call('SET', KEYS[1], cmsgpack.pack(S), 'KEEPTTL')
else
  S[35] = life
  call('SET', KEYS[1], cmsgpack.pack(S), 'PXAT', life + shift)
end
call('PSETEX', KEYS[10], max(1, A[16]), answer)
