-- Handoff: 9, size, deadline, from, to. Out: done 0|1.
local from, to = agent_named(A[i + 3]), agent_named(A[i + 4])
if from[1] ~= 0 and from ~= to then
  if to[1] == 0 and A[i + 4] ~= '' then from[3] = A[i + 4] else join_agents(from, to) end
end
out[o + 1], o = from[1] ~= 0 and 1 or 0, o + 1
