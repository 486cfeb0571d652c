-- View: 11, size, deadline. Out: T (n and its elements), set 0|1, n, n x (window ms, sums, m, m x part), quotas,
-- amounts under way, places, paused until ms (0 = not), hits, kind of hit, next admission us, n, n x (agent, share,
-- amounts used, places).
local function put(value) out[o + 1], o = value, o + 1 end
local function put_all(list)
  for k = 1, #list do out[o + k] = list[k] end
  o = o + #list
end
put(#T)
put_all(T)
put(S[24] and 1 or 0)
local seen, n_at, n = {}, o + 1, 0
put(0)
for k = 4, #T, 4 do
  if not seen[T[k + 1]] then
    local w = WR[k] or { T[k + 1], 1, 0, 0, 0, 0, {} }
    seen[T[k + 1]], n = true, n + 1
    put_all({ w[1], w[4], w[5], w[6], #w[7] / 4 })
    put_all(w[7])
  end
end
local others = {}
for _, w in ipairs(S[26]) do
  if not seen[w[1]] then others[#others + 1] = w end
end
table.sort(others, function(a, b) return a[1] < b[1] end)
for _, w in ipairs(others) do
  put_all({ w[1], w[4], w[5], w[6], #w[7] / 4 })
  put_all(w[7])
end
out[n_at] = n + #others
for u = 0, 3 do
  local q = u * 4
  put_all({ S[25][q + 1], less(S[25][q + 2], S[34][u + 1]), S[25][q + 3], S[25][q + 4] })
end
put_all({ S[7], S[8], S[9], S[22], now < S[10] and S[10] or 0, S[11], paused_by(), S[15], G[2] and #G or 0 })
local shortest = shortest_window()
for k = 1, G[2] and #G or 0 do
  local w = shortest and G[k][8][shortest] or { 0, 0, 0, 0, 0, 0 }
  put_all({ G[k][3], G[k][4], w[4], w[5], w[6], places_of(G[k]) })
end
