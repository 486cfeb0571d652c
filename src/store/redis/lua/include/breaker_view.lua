-- The breaker as it is told, in the order of the reply.
local function view()
  local successes, failures = S[7], S[4]
  if S[3] == 0 and A[5] == 1 then successes, failures = counted() end
  local is_probed = S[11] ~= '' and now < S[12]
  return { S[3], failures, successes, S[8], S[9], S[10], is_probed and S[12] or 0, S[13] }
end

local NAMES = { [0] = 'CLOSED', 'OPEN', 'HALF_OPEN' }

local function view_as_json()
  local v = view()
  v[1] = NAMES[v[1]]
  return string.format('{"state":"%s","failures":%.0f,"successes":%.0f,"openedAtMs":%.0f,"openUntilMs":%.0f,'
    .. '"openings":%.0f,"probeUntilMs":%.0f,"version":%.0f}', unpack(v))
end
