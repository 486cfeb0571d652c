-- Handoff: 9, size, deadline, from, to. Out: done 0|1.
local from, to = agent_named(A[i + 3]), agent_named(A[i + 4])
if from[1] ~= 0 then
  local receiver = to[1] == 0 and A[i + 4] ~= '' and from or to
  if receiver == from then from[3] = A[i + 4] else join_agents(from, receiver) end
  if receiver[1] ~= 0 then give(receiver) end
end
out[o + 1], o = from[1] ~= 0 and 1 or 0, o + 1
