-- Who holds what: C[name] = lease until ms, permits, places, shares, gave any 0|1 (states of earlier versions: nil).
local C = S[27]

local function hold(name, what)
  local c = C[name]
  if not c then
    c = { 0, 0, 0, 0, 0 }
    C[name] = c
  end
  if c[1] < now + lease_ms then c[1] = now + lease_ms end
  c[what] = c[what] + 1
  if what == 4 then c[5] = 1 end
  if c[1] < S[4] then S[4] = c[1] end
end

local function release(name, what)
  local c = C[name]
  if not c then return end
  if c[what] > 0 then c[what] = c[what] - 1 end
  if c[2] + c[3] + c[4] == 0 and c[5] ~= 1 then C[name] = nil end
end
