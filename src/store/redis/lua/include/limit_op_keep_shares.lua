-- KeepShares: 15, size, deadline, n x (agent, share in millionths) that the client gave.
-- Out: it was taken for dead 0|1, n, n x (agent, share) that it gives now.
local ended, its, kept = S[35][client], {}, 0
S[35][client] = nil
if ended and ended[1] <= now then ended = nil end
for k = 2, ended and #ended or 0 do its[ended[k]] = true end
local lapsed = ended or not (C[client] and C[client][5] == 1)
for k = i + 3, lapsed and i + A[i + 1] - 1 or 0, 2 do
  local name, share = A[k], A[k + 1]
  if (not ended or its[name]) and share > 0 and agent_named(name)[1] == 0 then allocate(name, share) end
end
local head = o
out[o + 1], o = lapsed and 1 or 0, o + 2
for k = 2, #G do
  if G[k][5] == client then
    out[o + 1], out[o + 2], o, kept = G[k][3], G[k][4], o + 2, kept + 1
  end
end
out[head + 2] = kept
