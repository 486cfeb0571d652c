-- The terms in force, T, and the window of each rule, WR. A batch that can change something sees to it that there
-- is one for each, and that no other is kept for longer than it tells of.
local T, WR

local function drop_window(k)
  table.remove(S[26], k)
  for j = 1, G[2] and #G or 0 do table.remove(G[j][8], k) end
end

local function add_window(window_ms)
  if #S[26] >= WINDOWS_KEPT then
    local oldest = 1
    for k = 2, #S[26] do
      if S[26][k][3] < S[26][oldest][3] then oldest = k end
    end
    drop_window(oldest)
  end
  local w, longer, longest = new_window(window_ms, 60), nil, nil
  for _, kept in ipairs(S[26]) do
    if kept[1] >= window_ms and (not longer or kept[1] < longer[1]) then longer = kept end
    if not longest or kept[1] >= longest[1] then longest = kept end
  end
  -- It takes over what another window knows: what that counted, counts here not earlier than it did.
  local source = longer or longest
  for k = 1, source and #source[7] or 0, 4 do
    local number = floor(min((source[7][k] + 1) * source[2] - 1, now) / w[2])
    if now < (number + 1) * w[2] + window_ms then
      append(w, number, source[7][k + 1], source[7][k + 2], source[7][k + 3])
    end
  end
  S[26][#S[26] + 1] = w
  for j = 1, G[2] and #G or 0 do G[j][8][#S[26]] = new_window(window_ms, 20) end
end

local function window_of(window_ms)
  for _, w in ipairs(S[26]) do
    if w[1] == window_ms then return w end
  end
  return false
end

local function use_terms()
  T, active = S[24] or A[13], nil
  if writes then
    for k = 4, #T, 4 do
      local w = window_of(T[k + 1])
      if w then w[3] = now else add_window(T[k + 1]) end
    end
    local k = 1
    while S[26][k] do
      if now >= S[26][k][3] + 2 * S[26][k][1] then drop_window(k) else k = k + 1 end
    end
  end
  WR = {}
  for k = 4, #T, 4 do WR[k] = window_of(T[k + 1]) end
end

use_terms()
if writes then
  S[2] = now
  if C[client] then
    C[client][1] = now + lease_ms
    S[4] = min(S[4], now + lease_ms)
  end
end
