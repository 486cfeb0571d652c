-- The places of the calling client become permits while they fit; then, whose turn it is. See `decide/turns.rs`.
local granted, turn_of, own_wait = {}, '', nil
local patience = lease_ms - floor(lease_ms / 3)
while S[22] > 0 do
  local step, next_id, next_name, next_fits = false, nil, nil, nil
  own_wait = nil
  for _, entry in ipairs(heads()) do
    local head, agent = entry[1], entry[2]
    local is_own = head[8] == client
    if never(head[4], head[5], head[6], head[7]) then
      if is_own then
        step = { head }
        break
      end
      -- It holds nobody up; its client has to hear of it.
      if not next_id then next_id, next_name, next_fits = head[3], head[8], now end
    else
      local reason, wait, is_share_only = obstacles(agent, head[4], head[5], head[6], head[7])
      if not reason and is_own then
        step = { head, agent }
        break
      end
      local is_known = wait > 0 or not reason
      if is_own and is_known and (not own_wait or wait < own_wait) then own_wait = wait end
      if not is_share_only then
        if not next_id then
          next_id, next_name, next_fits = head[3], head[8], is_known and now + wait or MAX
        end
        break
      end
    end
  end
  if step and not writes then
    own_wait = 0
    break
  elseif step then
    local head = step[1]
    leave_line(head[3], head[2], client)
    if step[2] then
      local expires = admit(step[2], head[3], head[4], head[5], head[6])
      granted[#granted + 1], granted[#granted + 2], granted[#granted + 3] = head[3], now, expires
    end
  else
    if writes then
      local is_own = next_name == client
      local is_known = next_id and S[18] == next_id and S[19] <= next_fits
      if not next_id then
        S[18], S[19] = '', 0
      elseif is_own or not is_known then
        S[18], S[19] = next_id, next_fits
        if not is_own then turn_of = next_name end
      end
    end
    break
  end
end
if writes and S[22] == 0 then S[18], S[19] = '', 0 end
local me = C[client]
out[o + 1], out[o + 2] = me and me[3] or 0, -1
if me and me[2] + me[3] + me[4] > 0 then
  local sign_of_life = less(me[1], now + patience)
  out[o + 2] = max(1, min(own_wait or sign_of_life, sign_of_life))
end
out[o + 3], out[o + 4], o = turn_of, #granted / 3, o + 4
for k = 1, #granted do out[o + k] = granted[k] end
o = o + #granted
