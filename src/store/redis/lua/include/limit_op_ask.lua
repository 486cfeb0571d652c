-- Check: 1, size, deadline, amounts, priority, agent. Acquire: 2, size, deadline, amounts, priority, agent, id, wait 0|1.
-- Out: 0 now or granted, (Acquire) admitted ms, expires ms | 1 wait or refused, wait ms, reason
--      | 2 never, reason, limit | 3 waiting, wait ms, reason, ahead | 4 line full.
local r, n, t, priority = A[i + 3], A[i + 4], A[i + 5], A[i + 6]
local agent, id = agent_named(A[i + 7]), kind == 2 and A[i + 8]
local p = id and P[id]
if p and p[1] ~= 3 then
  out[o + 1], out[o + 2], out[o + 3], o = 0, p[2], p[3], o + 3
elseif p then
  local _, r1, n1, t1, priority1 = decode(sub(p[2], 17))
  local score = tonumber(call('ZSCORE', LINE, p[2]))
  local slot = floor(score / SLOT)
  for k = 1, #G do
    if G[k][2] == slot then agent = G[k] end
  end
  local reason, wait = hindrance(agent, r1, n1, t1, priority1, score - slot * SLOT, p[2])
  out[o + 1], out[o + 2], out[o + 3], out[o + 4], o = 3, wait, reason or 6, ahead(agent, p[2]), o + 4
else
  local reason, limit = never(r, n, t, priority)
  local wait
  if reason then
    out[o + 1], out[o + 2], out[o + 3], o = 2, reason, limit, o + 3
  else
    reason, wait = hindrance(agent, r, n, t, priority, order(priority))
    if not reason then
      out[o + 1], o = 0, o + 1
      if id then
        out[o + 1], out[o + 2], o = now, admit(agent, id, r, n, t), o + 2
      end
    elseif not id or A[i + 9] == 0 then
      out[o + 1], out[o + 2], out[o + 3], o = 1, wait, reason, o + 3
    elseif S[22] >= A[11] then
      out[o + 1], o = 4, o + 1
    else
      out[o + 1], out[o + 2], out[o + 3], out[o + 4] = 3, wait, reason, join_line(agent, id, r, n, t, priority)
      o = o + 4
    end
  end
end
