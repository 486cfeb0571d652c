-- Whether others come before a call of `agent` with this score; who joined the line compares by its member, too.
local function is_behind_others(agent, score, member)
  for _, entry in ipairs(heads()) do
    local head, other = entry[1], entry[2]
    if head[1] > score or (head[1] == score and member and head[2] >= member) then return false end
    if other == agent then return true end
    if not never(head[4], head[5], head[6], head[7]) then
      local _, _, is_share_only = obstacles(other, head[4], head[5], head[6], head[7])
      if not is_share_only then return true end
    end
  end
  return false
end

-- How long a call has to wait as far as is known, and why (nil: not at all), the line included.
local function hindrance(agent, r, n, t, priority, score, member)
  local reason, wait = obstacles(agent, r, n, t, priority)
  if S[22] > 0 and is_behind_others(agent, score, member) then reason = 6 end
  return reason, wait
end

-- Admits the call: everything is taken at once. Answers when the permit expires.
local function admit(agent, id, r, n, t)
  for _, w in ipairs(S[26]) do append(w, floor(now / w[2]), r, n, t) end
  if G[2] then
    for _, w in ipairs(agent[8]) do append(w, floor(now / w[2]), r, n, t) end
    if agent[1] ~= 0 then agent[6] = agent[6] + 1 end
  end
  S[7], S[8], S[9], S[21] = add(S[7], r), add(S[8], n), add(S[9], t), S[21] + 1
  for unit = 0, 3 do S[25][unit * 4 + 2] = less(S[25][unit * 4 + 2], of(unit, r, n, t)) end
  S[16], S[17] = id, S[15]
  if T[1] > 0 then
    local us = now * 1000
    S[15] = ((S[15] + 1000 > us and S[15] <= us) and S[15] or us) + T[1]
  end
  if S[12] == 1 then S[14] = id end
  hold(client, 2)
  P[id], changed[id], ends[id] = { 1, now, now + A[9], r, n, t, agent[1], client }, true, now + A[9]
  return now + A[9]
end

-- Windows and quotas with what was used in the place of what was estimated; rest: what counts now where that part
-- has left, or nil.
local function correct(p, r, n, t, rest)
  local function in_windows(windows)
    for _, w in ipairs(windows) do
      local k, is_there = find(w[7], floor(p[2] / w[2]))
      if is_there then
        local parts = w[7]
        local r1, n1, t1 = parts[k + 1], parts[k + 2], parts[k + 3]
        local r2, n2, t2 = add(less(r1, p[4]), r), add(less(n1, p[5]), n), add(less(t1, p[6]), t)
        parts[k + 1], parts[k + 2], parts[k + 3] = r2, n2, t2
        in_sum(w, r1, n1, t1, r2, n2, t2)
      elseif rest then
        append(w, floor(now / w[2]), 0, less(n, p[5]), t)
      end
    end
  end
  in_windows(S[26])
  in_windows(agent_at(p[7])[8])
  for unit = 0, 3 do
    local q, was, is = unit * 4, of(unit, p[4], p[5], p[6]), of(unit, r, n, t)
    if is > was then
      S[25][q + 2] = less(S[25][q + 2], is - was)
    elseif p[2] >= S[25][q + 4] then
      S[25][q + 2] = add(S[25][q + 2], was - is)
    end
  end
end
