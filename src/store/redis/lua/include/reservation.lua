-- R_state[slot]: 0 none, 1 open, 2 expired and still remembered. A key that outlives its expiry
-- (the clock went back) is open only when it is still pending.
if not R_state[slot] then
  R_state[slot], R_copies[slot] = 0, bits % 2 + floor(bits / 2) % 2 + floor(bits / 4)
  local tokens, created, expires, cost = match(stored[slot] or '', '^(%d+) (%d+) (%d+) ?(%d*)$')
  if tokens then
    local member = name .. ' ' .. tokens .. ' ' .. created
    R_tokens[slot], R_created[slot], R_expires[slot] = tonumber(tokens), tonumber(created), tonumber(expires)
    if cost ~= '' then
      R_cost = R_cost or {}
      R_cost[slot], member = tonumber(cost), member .. ' ' .. cost
    end
    R_member[slot] = member
    if R_expires[slot] > now and (R_expires[slot] > S[34] or call('ZSCORE', KEYS[PENDING], member)) then
      R_state[slot] = 1
    elseif now < R_expires[slot] + late_ttl then
      R_state[slot] = 2
    end
  end
end
