-- Allocate: 8, size, deadline, agent, share in millionths. Out: done 0|1.
local name, share, done = A[i + 3], A[i + 4], 1
local agent = agent_named(name)
if name == '' or share > WHOLE then
  done = 0
elseif share == 0 then
  if agent[1] ~= 0 then join_agents(agent, G[1]) end
else
  local others = 0
  for k = 2, #G do
    if G[k] ~= agent then others = others + G[k][4] end
  end
  if others + share > WHOLE or (agent[1] == 0 and #G > AGENTS_MAX) then
    done = 0
  else
    if agent[1] == 0 then agent = add_agent(name) end
    agent[4] = share
    give(agent)
    set_pool_share()
  end
end
out[o + 1], o = done, o + 1
