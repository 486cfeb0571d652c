-- Agent `from` becomes part of agent `to`: places, permits, what it used; its share too, unless `to` is the pool.
local function join_agents(from, to)
  for k = 2, #G do
    if G[k] == from then table.remove(G, k) break end
  end
  dirty = true
  if from[5] ~= '' then release(from[5], 4) end
  local low = from[2] * SLOT
  local moved = from[7] > 0 and call('ZRANGEBYSCORE', LINE, low, low + SLOT - 1, 'WITHSCORES') or {}
  for k = 1, #moved, 2 do call('ZADD', LINE, tonumber(moved[k + 1]) - low + to[2] * SLOT, moved[k]) end
  H = {}
  if to[1] ~= 0 then
    for _, id in ipairs(all_permits()) do
      local p = P[id]
      if p and p[1] ~= 3 and p[7] == from[1] then p[7], changed[id] = to[1], true end
    end
    for id, p in pairs(P) do -- Those of this batch.
      if p and p[1] ~= 3 and p[7] == from[1] then p[7], changed[id] = to[1], true end
    end
    to[4], to[6], to[7] = to[4] + from[4], to[6] + from[6], to[7] + from[7]
  end
  for k = 1, #to[8] do
    local w, more = to[8][k], from[8][k] and from[8][k][7] or {}
    for j = 1, #more, 4 do
      local at, is_there = find(w[7], more[j])
      if is_there then
        local parts = w[7]
        parts[at + 1], parts[at + 2] = add(parts[at + 1], more[j + 1]), add(parts[at + 2], more[j + 2])
        parts[at + 3] = add(parts[at + 3], more[j + 3])
        w[4], w[5], w[6] = add(w[4], more[j + 1]), add(w[5], more[j + 2]), add(w[6], more[j + 3])
      else
        insert(w, at, more[j], more[j + 1], more[j + 2], more[j + 3])
      end
    end
  end
  set_pool_share()
  if not G[2] then G[1][8] = {} end
end

-- Gives an agent a share, or takes it back. Whether it was done.
local function allocate(name, share)
  local agent = agent_named(name)
  if name == '' or share > WHOLE then return false end
  if share == 0 then
    if agent[1] ~= 0 then join_agents(agent, G[1]) end
    return true
  end
  local others = 0
  for k = 2, #G do
    if G[k] ~= agent then others = others + G[k][4] end
  end
  if others + share > WHOLE or (agent[1] == 0 and #G > AGENTS_MAX) then return false end
  if agent[1] == 0 then agent = add_agent(name) end
  agent[4] = share
  give(agent)
  set_pool_share()
  return true
end

-- Remembers which shares end with the lease of a client: until ms, agents.
local function note_lapsed(name)
  local ended, all, count = { now + LAPSED_MS }, S[35], 1
  for k = 2, #G do
    if G[k][5] == name then ended[#ended + 1] = G[k][3] end
  end
  all[name] = nil
  for other, entry in pairs(all) do
    if entry[1] <= now then all[other] = nil else count = count + 1 end
  end
  all[name] = ended
  if count > LAPSED_MAX then
    local oldest
    for other, entry in pairs(all) do
      if not oldest or entry[1] < all[oldest][1] or (entry[1] == all[oldest][1] and other < oldest) then
        oldest = other
      end
    end
    all[oldest] = nil
  end
end
