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
  local before = tonumber(stored[p + 6] or -1)
  if S[p * 10 + 1] == 0 then
    if stored[p + 6] then call('DEL', KEYS[p + 6]) end
  elseif held[p] > before or S[33] > latest_before then
    call('SET', KEYS[p + 6], held[p], 'PXAT', S[33] + shift)
  elseif held[p] < before then
    call('SET', KEYS[p + 6], held[p], 'KEEPTTL')
  end
end
local requests_key, requests_end = false, 0
if fresh then
  requests_key = REQUESTS + 1 + requests_bucket
  local ends = (floor(now / S[35]) + 2) * S[35]
  if ends > S[36 + requests_bucket] or not bucket_found then
    S[36 + requests_bucket] = max(ends, S[36 + requests_bucket])
    requests_end = S[36 + requests_bucket]
  end
end
-- The state outlives all that it tells of: what it does not know is lost or counted twice.
local life = max(S[23], S[36], S[37])
if S[33] > 0 then life = max(life, min(MAX_TOKENS, S[33] + max(late_ttl, 60000))) end
for p = 1, M and 3 or 0 do M[p], M[p + 3] = used[p + 3], held[p + 3] end
local keeps_life = stored[1] and life <= S[38]
if not keeps_life then S[38] = life end
local packed = M and cmsgpack.pack(S, M) or cmsgpack.pack(S)
if keeps_life then
  call('SET', KEYS[1], packed, 'KEEPTTL')
else
  call('SET', KEYS[1], packed, 'PXAT', life + shift)
end
-- A batch in doubt may come back after a long outage. Of many expiries the remembered answer tells none: it
-- would lie there for an hour.
local kept = answer
if gone and #gone > 200 then
  kept = { out[1], out[2], out[3], out[4], 0 }
  for k = 6 + #gone, o do kept[k - #gone] = out[k] end
  kept = cmsgpack.pack(kept)
end
call('PSETEX', KEYS[CALLS], max(3600000, A[16]), kept)
