-- A clock that was wrong for a moment: it showed S[2] when the pool changed last, and shows less now. What was known
-- stays known, each instant comes to lie where this clock can reach it; see `decide/anew.rs`.
local wrong, week_on = S[2], min(MAX, now + WEEK)
S[2], S[6], S[7], dirty = now, min(S[6], now + DAY), week_on, true

local function moved(ends, told, longest)
  local left = ends - now
  if left <= 0 or (told <= now and left <= longest) then return ends end
  return min(MAX, now + min(max(0, ends - wrong), longest))
end

-- In t, an account or a resource, as in include/pool_pause.lua.
local function move_pause(t, p)
  local told = p == 1 and 6 or 13
  t[p] = moved(t[p], t[told], min(MAX, DAY + A[8]))
  t[p + 2], t[told] = min(t[p + 2], now), min(t[told], now)
end

for name, use in pairs(S[3]) do
  if use[2] <= wrong then S[3][name] = nil else use[2] = min(use[2], week_on) end
end
for fingerprint, seen in pairs(S[4]) do
  if seen + WEEK <= wrong then S[4][fingerprint] = nil else S[4][fingerprint] = min(seen, now) end
end
for name, bytes in pairs(S[5]) do
  local account = unpacked(bytes)
  if account[4] <= wrong then
    S[5][name] = nil
  else
    move_pause(account, 1)
    account[4] = min(MAX, max(now, account[1]) + WEEK)
    for resource, r in pairs(account[5]) do
      if r[8] <= wrong then
        account[5][resource] = nil
      else
        move_pause(r, 5)
        r[3], r[4] = moved(r[3], max(r[4], r[14]), 31 * DAY), min(r[4], now)
        r[14] = min(r[14], now)
        local u, latest = r[9], part_end(now)
        while u[1] and u[#u - 1] > latest do
          u[#u] = nil
          u[#u] = nil
        end
        r[10], r[11] = min(r[10], now), min(r[11], now)
        r[8] = min(MAX, max(now, r[5], r[3], u[#u - 1] or 0) + WEEK)
        account[4] = max(account[4], r[8])
      end
    end
    S[5][name], S[7] = cmsgpack.pack(account), max(S[7], account[4])
  end
end
