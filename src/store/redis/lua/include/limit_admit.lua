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

-- How long a call has to wait as far as is known, and why (nil: not at all), the line included: each that comes
-- before keeps the pause between calls.
local function hindrance(agent, r, n, t, priority, score, member)
  local reason, wait = obstacles(agent, r, n, t, priority)
  if S[22] == 0 or not is_behind_others(agent, score, member) then return reason, wait end
  local before = max(1, member and ahead(agent, member) or arrived(agent, score))
  return 6, add(wait, min(MAX, floor(before * T[1] / 1000)))
end

-- Admits the call: everything is taken at once. Answers when the permit expires.
local function admit(agent, id, r, n, t)
  local windows = S[26]
  for k = 1, #windows do append(windows[k], floor(now / windows[k][2]), r, n, t) end
  if G[2] then
    for _, w in ipairs(agent[8]) do append(w, floor(now / w[2]), r, n, t) end
    if agent[1] ~= 0 then agent[6] = agent[6] + 1 end
  end
  S[7], S[8], S[9], S[21], active = add(S[7], r), add(S[8], n), add(S[9], t), S[21] + 1, nil
  local Q, U = S[25], S[34]
  for u = 0, 3 do
    if Q[u * 4 + 3] > 0 then U[u + 1] = add(U[u + 1], of(u, r, n, t)) end
  end
  S[16], S[17] = id, S[15]
  if T[1] > 0 then
    local us = now * 1000
    S[15] = ((S[15] + 1000 > us and S[15] <= us) and S[15] or us) + T[1]
  end
  if S[12] == 1 then S[14], S[32] = id, now + max(PROBE_MIN, min(A[7], PAUSE_MAX)) end
  hold(client, 2)
  local expires = now + A[9]
  P[id], changed[id], ends[id] = { 1, now, expires, r, n, t, agent[1], client }, true, expires
  if expires < S[29] then S[29] = expires end
  return expires
end

-- Windows with what was used in the place of what was estimated; rest: whether what was spoken meanwhile counts now,
-- where that part has left.
local function correct_windows(windows, p, r, n, t, rest)
  for k = 1, #windows do
    local w = windows[k]
    local parts = w[7]
    local at, is_there = find(parts, floor(p[2] / w[2]))
    if is_there then
      local r1, n1, t1 = parts[at + 1], parts[at + 2], parts[at + 3]
      local r2, n2, t2 = add(less(r1, p[4]), r), add(less(n1, p[5]), n), add(less(t1, p[6]), t)
      parts[at + 1], parts[at + 2], parts[at + 3] = r2, n2, t2
      in_sum(w, r1, n1, t1, r2, n2, t2)
    elseif rest then
      append(w, floor(now / w[2]), 0, less(n, p[5]), t)
    end
  end
end

-- Answers, by unit, what the call took and quotas count as not told. Of a permit that expired before the last numbers
-- they count as told.
local function correct(p, r, n, t, rest)
  correct_windows(S[26], p, r, n, t, rest)
  if G[2] then
    correct_windows(agent_at(p[7])[8], p, r, n, t, rest)
    active = nil
  end
  local Q, U, own = S[25], S[34], { 0, 0, 0, 0 }
  for u = 0, 3 do
    if Q[u * 4 + 3] > 0 then
      local was, is = of(u, p[4], p[5], p[6]), of(u, r, n, t)
      local is_told = p[1] == 2 and p[2] < Q[u * 4 + 4]
      if is > was then
        U[u + 1] = add(U[u + 1], is - was)
      elseif not is_told then
        U[u + 1] = less(U[u + 1], was - is)
      end
      if not is_told then own[u + 1] = is end
    end
  end
  return own
end
