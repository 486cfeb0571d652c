-- Agents with shares, and the common pool G[1].
local function agent_at(number)
  for k = 2, #G do
    if G[k][1] == number then return G[k] end
  end
  return G[1]
end

local function agent_named(name)
  if name ~= '' then
    for k = 2, #G do
      if G[k][3] == name then return G[k] end
    end
  end
  return G[1]
end

-- Of the pool it is what no other has.
local function count_of(agent, field, all)
  if agent[1] ~= 0 then return agent[field] end
  for k = 2, #G do all = less(all, G[k][field]) end
  return all
end

local function places_of(agent) return count_of(agent, 7, S[22]) end

local function shortest_window()
  local shortest
  for k = 1, #S[26] do
    if not shortest or S[26][k][1] < S[26][shortest][1] then shortest = k end
  end
  return shortest
end

-- The active agents, with the sum of their shares and their number; nil: to be looked at again.
local active

local function look_for_active()
  local shortest = shortest_window()
  active = { shares = 0, number = 0 }
  for k = 1, #G do
    local agent = G[k]
    local w = shortest and agent[8][shortest]
    if (w and w[4] > 0) or places_of(agent) > 0 or count_of(agent, 6, S[21]) > 0 then
      active[agent], active.shares, active.number = true, active.shares + agent[4], active.number + 1
    end
  end
end

-- What an agent gets of any cap: its share, and of how much. What others leave idle is divided in proportion.
local function portion(agent)
  if not active then look_for_active() end
  local shares, number = active.shares, active.number
  if not active[agent] then shares, number = shares + agent[4], number + 1 end
  if shares == 0 then return 1, number end
  return agent[4], shares
end

local function set_pool_share()
  G[1][4], active = WHOLE, nil
  for k = 2, #G do G[1][4] = G[1][4] - G[k][4] end
end

-- The share of the agent lives with the calling client from now on.
local function give(agent)
  hold(client, 4)
  if agent[5] ~= '' then release(agent[5], 4) end
  agent[5] = client
end

local function add_agent(name)
  if not G[2] then
    for k = 1, #S[26] do G[1][8][k] = new_window(S[26][k][1], 20) end
  end
  local slots, slot = {}, 1
  for k = 2, #G do slots[G[k][2]] = true end
  while slots[slot] do slot = slot + 1 end
  S[23] = S[23] + 1
  local agent = { S[23], slot, name, 0, '', 0, 0, {} }
  for k = 1, #S[26] do agent[8][k] = new_window(S[26][k][1], 20) end
  G[#G + 1] = agent
  return agent
end
