-- KeepShares: 15, size, deadline, n x (agent, share in millionths) that the client gave.
-- Out: it was taken for dead 0|1, n, n x (agent, share) that it gives now.
local lapsed, kept = not (C[client] and C[client][5] == 1), 0
for k = i + 3, lapsed and i + A[i + 1] - 1 or 0, 2 do
  if agent_named(A[k])[1] == 0 and A[k + 1] > 0 then allocate(A[k], A[k + 1]) end
end
local head = o
out[o + 1], o = lapsed and 1 or 0, o + 2
for k = 2, #G do
  if G[k][5] == client then
    out[o + 1], out[o + 2], o, kept = G[k][3], G[k][4], o + 2, kept + 1
  end
end
out[head + 2] = kept
