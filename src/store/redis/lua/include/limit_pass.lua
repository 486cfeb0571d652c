-- Lets time pass: permits expire, clients die, parts leave.
if is_due then
  local following = call('ZRANGEBYSCORE', ENDS, format('(%.0f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  S[29] = tonumber(following[2] or MAX)
end
if is_lost then
  --- @include limit_rebuild
end
for k = 1, #due do
  local id = due[k]
  local p = P[id]
  if p and p[1] == 1 then
    expire(id, p)
  else
    if p and p[1] == 2 then S[6], P[id], changed[id] = S[6] - 1, false, true end
    ends[id], dirty = false, true
  end
end
if now >= S[4] then
  local dead, earliest, had = {}, MAX, { 0, 0, 0, 0 }
  for name, c in pairs(C) do
    if c[1] <= now then
      dead[name] = true
      for k = 2, 4 do had[k] = had[k] + c[k] end
    elseif c[1] < earliest then
      earliest = c[1]
    end
  end
  for name in pairs(dead) do
    if C[name][5] == 1 then note_lapsed(name) end
    C[name] = nil
  end
  S[4], dirty = earliest, true
  for _, member in ipairs(had[3] > 0 and call('ZRANGE', LINE, 0, -1) or {}) do
    local id, _, _, _, _, name = decode(sub(member, 17))
    if dead[name] then leave_line(id, member, name) end
  end
  for _, id in ipairs(had[2] > 0 and all_permits() or {}) do
    local p = P[id]
    if p and p[1] == 1 and dead[p[8]] then expire(id, p) end
  end
  for k = #G, 2, -1 do
    if dead[G[k][5]] then join_agents(G[k], G[1]) end
  end
end
for _, w in ipairs(S[26]) do forget(w) end
for k = 1, G[2] and #G or 0 do
  for _, w in ipairs(G[k][8]) do forget(w) end
end
