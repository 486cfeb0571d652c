-- base: limits without overrides. limits: the effective ones. -1 is unlimited. 4-6: of money; nil when there are none.
-- paused: until when, false: it is not.
-- The index of overrides begins with {soonest expiry, sums per period}, which hold until then.
limits, base = {}, { A[13], A[14], A[15] }
local costs = A[25]
if limits_text then
  local h, d, m, more = match(limits_text, '^([%d-]+),([%d-]+),([%d-]+)(.*)$')
  costs = { match(more or '', '^;([%d-]+),([%d-]+),([%d-]+)$') }
  if not h or (more ~= '' and not costs[1]) then return redis.error_reply('ERR ' .. KEYS[2] .. ' holds no limits') end
  base = { tonumber(h) or -1, tonumber(d) or -1, tonumber(m) or -1 }
end
paused = false
if pause_text then
  paused = tonumber(match(pause_text, '^(%d+) %d+ {'))
  if not paused then return redis.error_reply('ERR ' .. KEYS[2] .. ' holds no pause') end
  if paused == 0 then paused = MAX_TOKENS end
  if paused <= now then paused = false end
end
local sums = false
if stored[3] and not over then
  local _, head = cmsgpack.unpack_one(stored[3])
  if type(head) ~= 'table' or not head[4] then return redis.error_reply('ERR ' .. KEYS[3] .. ' is damaged') end
  if now < head[1] then
    sums = head
  else
    _, over = cmsgpack.unpack(stored[3])
  end
end
if not sums then
  sums = { 0, 0, 0, 0, 0, 0, 0 }
  for k = 1, over and #over or 0, 4 do
    if over[k + 3] > now then sums[over[k + 1] + 1] = sums[over[k + 1] + 1] + over[k + 2] end
  end
end
for p = 1, 3 do
  limits[p] = base[p] < 0 and -1 or min(MAX_TOKENS, base[p] + sums[p + 1])
end
if costs[1] then
  for p = 4, 6 do
    base[p] = tonumber(costs[p - 3]) or -1
    limits[p] = base[p] < 0 and -1 or min(MAX_TOKENS, base[p] + (sums[p + 1] or 0))
  end
end
