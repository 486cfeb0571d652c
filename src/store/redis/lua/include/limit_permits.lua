-- What an open permit holds while its call is under way.
local function let_go(id, p)
  S[7], S[8], S[9] = less(S[7], p[4]), less(S[8], p[5]), less(S[9], p[6])
  S[21], active = less(S[21], 1), nil
  local agent = agent_at(p[7])
  agent[6] = less(agent[6], 1)
  release(p[8], 2)
  if S[14] == id then S[14] = '' end
end

-- The permit is over: what it took stays counted, what it held is free.
local function expire(id, p)
  let_go(id, p)
  changed[id], dirty = true, true
  local forget_at = p[3] + LATE_MS
  if now >= forget_at or S[6] >= LATE_MAX then
    P[id], ends[id] = false, false
  else
    p[1], ends[id], S[6], S[29] = 2, forget_at, S[6] + 1, min(S[29], forget_at)
  end
end

-- The permit ends, and is given back; nil: there is none.
local function take_permit(id)
  local p = P[id]
  if not p or p[1] == 3 then return nil end
  if p[1] == 2 then S[6] = S[6] - 1 else let_go(id, p) end
  P[id], changed[id], ends[id] = false, true, false
  return p
end

-- Ids of all permits, loaded.
local function all_permits()
  local ids = call('ZRANGE', ENDS, 0, -1)
  load_permits(ids)
  return ids
end
