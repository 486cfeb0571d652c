-- Who holds what: C[name] = lease until ms, permits, places, shares.
local C = S[27]

local function hold(name, what)
  local c = C[name]
  if not c then
    c = { 0, 0, 0, 0 }
    C[name] = c
  end
  c[1], c[what] = max(c[1], now + lease_ms), c[what] + 1
  S[4] = min(S[4], c[1])
end

local function release(name, what)
  local c = C[name]
  if not c then return end
  c[what] = less(c[what], 1)
  if c[2] + c[3] + c[4] == 0 then C[name] = nil end
end
