-- Writes what changed. ENDS, which may not have been looked at, comes first: nothing else can meet a wrong type.
if writes then
  local life = now + max(A[9] + LATE_MS, lease_ms + 1)
  for _, w in ipairs(S[26]) do life = max(life, (floor(now / w[2]) + 1) * w[2] + w[1]) end
  for unit = 0, 3 do life = max(life, S[25][unit * 4 + 3]) end
  S[3] = max(S[3], life, S[10] + HITS_MS, floor(S[15] / 1000) + 1, S[20])
end
local until_ms = min(MAX, S[3] + shift)
local sets, dels, adds, drops = {}, {}, {}, {}
for id in pairs(changed) do
  local p = P[id]
  if p then
    sets[#sets + 1], sets[#sets + 2] = id, pack(unpack(p))
  else
    dels[#dels + 1] = id
  end
end
for id, at in pairs(ends) do
  if at then
    adds[#adds + 1], adds[#adds + 2] = at, id
  else
    drops[#drops + 1] = id
  end
end
local function write(name, key, list)
  for from = 1, #list, 1000 do call(name, key, unpack(list, from, min(from + 999, #list))) end
end
write('ZADD', ENDS, adds)
write('ZREM', ENDS, drops)
write('HDEL', PERMITS, dels)
write('HSET', PERMITS, sets)
if #sets > 0 or S[22] > 0 then call('PEXPIREAT', PERMITS, until_ms) end
if #adds > 0 then call('PEXPIREAT', ENDS, until_ms) end
if S[22] > 0 then call('PEXPIREAT', LINE, until_ms) end
if G[2] then
  S[28] = 1
  call('SET', AGENTS, pack(G), 'PXAT', until_ms)
elseif S[28] == 1 then
  S[28] = 0
  call('DEL', AGENTS)
end
-- Terms set at run time last for ever.
if S[24] then call('SET', KEYS[1], pack(S)) else call('SET', KEYS[1], pack(S), 'PXAT', until_ms) end
if writes then call('PSETEX', KEYS[7], 3600000, answer) end
if turn_of ~= '' then redis.pcall('PUBLISH', A[5], turn_of .. ' ' .. A[6]) end
