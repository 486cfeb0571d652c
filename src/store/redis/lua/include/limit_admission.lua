-- Whether a call can be made now, and what stands in its way; see `decide/admission.rs`.
local function never(r, n, t, priority)
  local at = priority == 0 and 2 or 3
  for k = 4, #T, 4 do
    local unit, cap = T[k], T[k + at]
    local amount = unit == 0 and r or unit == 1 and n or unit == 2 and t or add(n, t)
    if amount > cap then return (k - 4) * 2, cap end
  end
  if T[2] >= 0 and (priority == 0 and T[2] or T[3]) == 0 then return 1, 0 end
end

-- Answers the reason to be told (nil: nothing is in the way), how long until the last whose end is known ends, and
-- whether it is the share of its agent alone.
local function obstacles(agent, r, n, t, priority)
  local reason, wait = nil, 0
  if now < S[10] then reason, wait = 4, S[10] - now end
  if S[12] == 1 and S[14] ~= '' and now < S[32] then reason, wait = reason or 5, max(wait, S[32] - now) end
  local longest, at, Q = -1, nil, S[25]
  for q = 0, 12, 4 do
    local resets = Q[q + 3]
    if now < resets and of(q / 4, r, n, t) > less(Q[q + 2], S[34][q / 4 + 1]) and resets - now > longest then
      longest, at = resets - now, q / 4
    end
  end
  if at then reason, wait = reason or 3 + 8 * at, max(wait, longest) end
  longest, at = -1, nil
  local limit_at = priority == 0 and 2 or 3
  for k = 4, #T, 4 do
    local w = WR[k]
    if w then
      local unit, cap = T[k], T[k + limit_at]
      local amount = unit == 0 and r or unit == 1 and n or unit == 2 and t or add(n, t)
      local used = unit == 0 and w[4] or unit == 1 and w[5] or unit == 2 and w[6] or add(w[5], w[6])
      if used + amount > cap then
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
