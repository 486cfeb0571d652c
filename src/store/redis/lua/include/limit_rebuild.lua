-- A key is gone (deleted by hand, or evicted): what is held and who waits is what the others still tell.
-- A permit without its end gets it anew; a place without its permit's entry, and the reverse, is none.
-- Nobody is taken for alive by it.
dirty = true
local function holds(name, what)
  if C[name] then C[name][what] = C[name][what] + 1 else hold(name, what) end
end
S[6], S[7], S[8], S[9], S[21], S[22] = 0, 0, 0, 0, 0, 0
for _, c in pairs(C) do c[2], c[3], c[4] = 0, 0, 0 end
for k = 1, #G do
  G[k][6], G[k][7] = 0, 0
  if G[k][5] ~= '' then holds(G[k][5], 4) end
end
local in_line = {}
for _, member in ipairs(call('ZRANGE', LINE, 0, -1)) do
  local id = decode(sub(member, 17))
  load_permits({ id })
  if P[id] and P[id][1] == 3 and P[id][2] == member then
    in_line[id] = true
  else
    call('ZREM', LINE, member)
  end
end
local ids, without = call('HKEYS', PERMITS), {}
load_permits(ids)
due = {}
for _, id in ipairs(all_permits()) do without[id] = true end
for _, id in ipairs(ids) do
  local p = P[id]
  if p and p[1] == 3 then
    if in_line[id] then
      local _, _, _, _, _, name = decode(sub(p[2], 17))
      local slot = floor(tonumber(call('ZSCORE', LINE, p[2])) / SLOT)
      local is_of_agent = false
      for k = 2, #G do
        if G[k][2] == slot then G[k][7], is_of_agent = G[k][7] + 1, true end
      end
      if slot > 0 and not is_of_agent then -- Its agent is gone: it waits in the common line, as long as it did.
        call('ZINCRBY', LINE, -slot * SLOT, p[2])
      end
      S[22] = S[22] + 1
      holds(name, 3)
    else
      P[id], changed[id] = false, true
    end
  elseif p then
    without[id], ends[id] = nil, p[1] == 1 and p[3] or p[3] + LATE_MS
    if p[1] == 1 then
      S[7], S[8], S[9], S[21] = add(S[7], p[4]), add(S[8], p[5]), add(S[9], p[6]), S[21] + 1
      local agent = agent_at(p[7])
      if agent[1] ~= 0 then agent[6] = agent[6] + 1 end
      holds(p[8], 2)
    else
      S[6] = S[6] + 1
    end
    S[29] = min(S[29], ends[id])
    if ends[id] <= now then due[#due + 1] = id end
  end
end
for id in pairs(without) do ends[id] = false end
if not P[S[14]] then S[14] = '' end
for name, c in pairs(C) do
  if c[2] + c[3] + c[4] == 0 and c[5] ~= 1 then C[name] = nil end
end
