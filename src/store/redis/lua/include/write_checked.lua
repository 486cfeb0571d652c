-- Writes that can meet a wrong type come first and are taken back when one does: there is no
-- rollback. Keys that were read as nil must be absent, not of another type. Only SET meets keys of
-- reservations, whose names are random.
local absent = {}
for p = 1, 3 do
  if not stored[p + 3] and used[p] > 0 then absent[#absent + 1] = KEYS[p + 3] end
  if not stored[p + 6] and S[p * 10 + 1] > 0 then absent[#absent + 1] = KEYS[p + 6] end
end
if not stored[1] then absent[#absent + 1] = KEYS[1] end
if limits_changed and not stored[2] then absent[#absent + 1] = KEYS[2] end
if over_changed and not stored[3] then absent[#absent + 1] = KEYS[3] end
for from = 1, #absent, 1000 do
  if call('EXISTS', unpack(absent, from, min(from + 999, #absent))) > 0 then
    return redis.error_reply('WRONGTYPE a key of this budget holds the wrong kind of value')
  end
end
if rolled then
  call('ZCARD', KEYS[PENDING])
  for p = 1, 3 do
    if rolled[p] or lo > 0 or (H and #H[p] > 0) then call('LLEN', KEYS[HISTORY + p]) end
  end
  for p = 1, 3 do
    if rolled[p] then call('UNLINK', KEYS[HISTORY + p]) end
  end
end
local refused, pushed, length = false, false, false
if H or lo > 0 then pushed, length = { 0, 0, 0 }, { 0, 0, 0 } end
for p = 1, pushed and 3 or 0 do
  local list, from, to = ARGV, lo, hi
  if H then list, from, to = H[p], 1, #H[p] end
  for k = from, to, 1000 do
    local upto = min(k + 999, to)
    length[p] = refused and 0 or pcall('RPUSH', KEYS[HISTORY + p], unpack(list, k, upto))
    if type(length[p]) == 'table' then refused = refused or length[p] end
    if not refused then pushed[p] = upto - from + 1 end
  end
end
local adds, drops = false, false
if R_new then
  --- @include write_pending
end
if refused then
  for p = 1, pushed and 3 or 0 do
    if pushed[p] > 0 then call('RPOP', KEYS[HISTORY + p], pushed[p]) end
  end
  return refused
end
