-- Whether a call can be made now, and what stands in its way; see `decide/admission.rs`.
local function never(r, n, t, priority)
  for k = 4, #T, 4 do
    local cap = priority == 0 and T[k + 2] or T[k + 3]
    if of(T[k], r, n, t) > cap then return (k - 4) * 2, cap end
  end
  if T[2] >= 0 and (priority == 0 and T[2] or T[3]) == 0 then return 1, 0 end
end

-- Answers the reason to be told (nil: nothing is in the way), how long until the last whose end is known ends, and
-- whether it is the share of its agent alone.
local function obstacles(agent, r, n, t, priority)
  local reason, wait = nil, 0
  if now < S[10] then reason, wait = 4, S[10] - now end
  if S[12] == 1 and S[14] ~= '' then reason = reason or 5 end
  local longest, at = -1, nil
  for unit = 0, 3 do
    local q = unit * 4
    if now < S[25][q + 3] and of(unit, r, n, t) > S[25][q + 2] and S[25][q + 3] - now > longest then
      longest, at = S[25][q + 3] - now, unit
    end
  end
  if at then reason, wait = reason or 3 + 8 * at, max(wait, longest) end
  longest, at = -1, nil
  for k = 4, #T, 4 do
    local w = WR[k]
    if w then
      local unit, cap = T[k], priority == 0 and T[k + 2] or T[k + 3]
      local amount = of(unit, r, n, t)
      if of(unit, w[4], w[5], w[6]) + amount > cap then
        local ms = fits_in(w, unit, amount, cap)
        if ms > longest then longest, at = ms, k end
      end
    end
  end
  if at then reason, wait = reason or (at - 4) * 2, max(wait, longest) end
  local cap = priority == 0 and T[2] or T[3]
  if T[2] >= 0 and S[7] + 1 > cap then reason = reason or 1 end
  if T[1] > 0 and now * 1000 < S[15] then
    reason, wait = reason or 2, max(wait, floor((S[15] - now * 1000 + 999) / 1000))
  end
  if not G[2] then return reason, wait, false end
  local is_free = not reason
  local share, whole = portion(agent)
  for k = 4, #T, 4 do
    local w
    for j = 1, #S[26] do
      if S[26][j] == WR[k] then w = agent[8][j] end
    end
    if w then
      local unit, full = T[k], priority == 0 and T[k + 2] or T[k + 3]
      local rest = fmod(full, whole)
      local used, amount, own = of(unit, w[4], w[5], w[6]), of(unit, r, n, t),
        (full - rest) / whole * share + floor(rest * share / whole)
      if amount > own and used > 0 then
        reason, wait = reason or 7, max(wait, fits_in(w, unit, 0, 0))
      elseif amount <= own and used + amount > own then
        reason, wait = reason or 7, max(wait, fits_in(w, unit, amount, own))
      end
    end
  end
  return reason, wait, is_free and reason ~= nil
end
