-- Track:  1, size, deadline, usage.
-- Settle: 2, size, deadline, slot (number of its first key), periods (bits), name, usage or nothing.
--         Of one that holds nothing: slot 0, then the number of its mark among the request ids.
-- usage:  total, prompt, completion, cache read, cache write, reasoning, unattributed, model,
--         occurred ms (-1 = now), number of the record in ARGV (0 = none), number of the request id
--         (0 = none), numbers, cost (with A[26]; -1 = nobody knows, see cost_as_held)
-- Out of Track: 0 | 6 | 7, n, n x transition. Out of Settle: 0, tokens held, recorded, overage,
-- late 0|1, bits: 1 duplicate, 2 money held and recorded follow, n, n x transition (period, before, after, used, held, limit).
local status, u, slot, bits, name = 0, i + 3, false, 0, false
if kind == 2 then
  slot, bits, name, u = A[i + 3], A[i + 4], A[i + 5], i + 6
  if slot > 0 then
    --- @include reservation
    if R_state[slot] == 0 then status = 2 end
  elseif seen[bits] then
    status = 2
  end
end
local total, cost = 0, 0
if u < i + A[i + 1] then
  total, cost = A[u], A[26] > 0 and A[i + A[i + 1] - 1] or 0
end
if cost < 0 then
  cost = 0
  if slot and slot > 0 and status == 0 and total > 0 and R_cost and R_cost[slot] then
    --- @include cost_as_held
    --- @include tell_cost
  end
end
local records_it = status == 0 and (kind == 1 or total > 0 or cost > 0)
if records_it and A[u + 10] > 0 then
  local known = seen[A[u + 10]]
  if not known then
    fresh = fresh or {}
    seen[A[u + 10]] = A[u + 11]
    fresh[#fresh + 1], fresh[#fresh + 2] = ids[A[u + 10]], A[u + 11] .. format('@%.0f', now)
  else
    status, records_it = known == A[u + 11] and 6 or 3, false
  end
end
local was, late, reserved = held, 0, 0
if slot and (status == 0 or status == 6) then
  if slot > 0 then
    --- @include give_back
    reserved = R_tokens[slot]
  else
    fresh = fresh or {}
    fresh[#fresh + 1], fresh[#fresh + 2] = ids[bits], format('@%.0f', now)
    seen[bits], dirty = '', true
  end
end
local crossed, n, at, everywhere = false, 0, 0, false
if records_it then
  --- @include record
  if cost > 0 then
    --- @include count_cost
  end
end
if slot and (status == 0 or status == 6) then
  local recorded = records_it and total or 0
  out[o + 1], out[o + 2], out[o + 3] = 0, reserved, recorded
  out[o + 4], out[o + 5], out[o + 6] = max(0, recorded - reserved), late, (status == 6 and 1 or 0) + (M and 2 or 0)
  if M then
    out[o + 7], out[o + 8], o = R_cost and R_cost[slot] or 0, records_it and cost or 0, o + 2
  end
  out[o + 7], o = n, o + 7
elseif n > 0 then
  out[o + 1], out[o + 2], o = 7, n, o + 2
else
  out[o + 1], o = status, o + 1
end
for k = 1, n * 6 do out[o + k] = crossed[k] end
o = o + n * 6
