-- Pick: 1, size, deadline, resource, fingerprints that were tried.
-- Out: 0, number of the token, picked at ms, left before the reserve is touched (-1 = unknown), resets at ms
--    | 2, when the first can be used ms (0 = none ever will), limited, invalid.
local name, tried = A[i + 3], {}
for _, fingerprint in ipairs(A[i + 4]) do tried[fingerprint] = true end
local in_use = current[name]
local best = in_use and in_use[2] > now and numbers[in_use[1]] or false
if best and (tried[tokens[best]] or not is_valid(best) or free_at(best, name) > now) then best = false end
if not best then
  -- What lapses first, known quotas before unknown ones; the heavier; the first.
  local soonest = math.huge
  for k = 1, #tokens do
    local at, r = free_at(k, name)
    if at == now and is_valid(k) and not tried[tokens[k]] then
      local lapses = r and now < r[3] and r[3] or math.huge
      if not best or lapses < soonest or (lapses == soonest and weights[k] > weights[best]) then
        best, soonest = k, lapses
      end
    end
  end
end
if best then
  if in_use then
    in_use[1], in_use[2] = tokens[best], min(MAX, now + WEEK)
  else
    local count = 0
    for other, use in pairs(current) do
      if use[2] <= now then current[other] = nil else count = count + 1 end
    end
    if count < RESOURCES_MAX then current[name] = { tokens[best], min(MAX, now + WEEK) } end
  end
  local account, r = open(best, name)
  -- After its reset a quota whose limit is known is taken as whole again, for a minute or until numbers tell more.
  if is_to_be_assumed(r) then
    r[2], r[15], r[3], r[4] = r[1], under_way(r[9]), min(MAX, now + 60000), max(0, now - 1)
    r[11], r[12] = now, 0
  end
  if r[3] > 0 then r[15] = min(MAX, r[15] + 1) end
  begin_request(r[9])
  prolong(account, r)
  local is_known = now < r[3]
  out[o + 1], out[o + 2], out[o + 3] = 0, best, now
  out[o + 4], out[o + 5], o = is_known and max(0, left_of(r) - held_back(r)) or -1, is_known and r[3] or 0, o + 5
else
  local resets, limited = math.huge, 0
  for k = 1, #tokens do
    if is_valid(k) then
      limited, resets = limited + 1, min(resets, (free_at(k, name)))
    end
  end
  out[o + 1], out[o + 2] = 2, limited > 0 and resets or 0
  out[o + 3], out[o + 4], o = limited, #tokens - limited, o + 4
end
