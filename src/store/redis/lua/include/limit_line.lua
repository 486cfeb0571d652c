-- Calls that wait: one line per agent. H: heads by slot, false = none, as far as they were looked up.
-- A head: score within its slot, member, id, amounts, priority, client.
local H = {}

local function head_of(agent)
  local slot = agent[2]
  if H[slot] == nil then
    H[slot] = false
    if places_of(agent) > 0 then
      local from = slot * SLOT
      local found = call('ZRANGEBYSCORE', LINE, from, from + SLOT - 1, 'WITHSCORES', 'LIMIT', 0, 1)
      if found[1] then H[slot] = { tonumber(found[2]) - from, found[1], decode(sub(found[1], 17)) } end
    end
  end
  return H[slot]
end

-- Heads and their agents, in the order in which they come.
local function heads()
  local list = {}
  if S[22] == 0 then return list end
  for k = 1, #G do
    local head = head_of(G[k])
    if head then list[#list + 1] = { head, G[k] } end
  end
  if list[2] then
    table.sort(list, function(a, b)
      if a[1][1] ~= b[1][1] then return a[1][1] < b[1][1] end
      return a[1][2] < b[1][2]
    end)
  end
  return list
end

local function order(priority)
  if priority == 0 then return now end
  return CLASS + now + (priority == 2 and LOW_PENALTY_MS or 0)
end

-- Places in front of one, in the line of its agent.
local function ahead(agent, member)
  local rank = call('ZRANK', LINE, member)
  if agent[2] == 0 then return rank end
  return rank - call('ZCOUNT', LINE, '-inf', '(' .. format('%.0f', agent[2] * SLOT))
end

-- Places in front of a call that would come now.
local function arrived(agent, score)
  local from = agent[2] * SLOT
  return call('ZCOUNT', LINE, format('%.0f', from), format('%.0f', from + score))
end

local function join_line(agent, id, r, n, t, priority)
  S[5], S[22], active = S[5] + 1, S[22] + 1, nil
  if agent[1] ~= 0 then agent[7] = agent[7] + 1 end
  hold(client, 3)
  local member = format('%016.0f', S[5]) .. pack(id, r, n, t, priority, client)
  call('ZADD', LINE, agent[2] * SLOT + order(priority), member)
  P[id], changed[id], H[agent[2]] = { 3, member }, true, nil
  return ahead(agent, member)
end

-- The place of `id` ends, whatever for.
local function leave_line(id, member, name)
  local slot = floor(tonumber(call('ZSCORE', LINE, member) or 0) / SLOT)
  call('ZREM', LINE, member)
  for k = 2, #G do
    if G[k][2] == slot then G[k][7] = less(G[k][7], 1) end
  end
  S[22], active = less(S[22], 1), nil
  release(name, 3)
  P[id], changed[id], H[slot], dirty = false, true, nil, true
end
