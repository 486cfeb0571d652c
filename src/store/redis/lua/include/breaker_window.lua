-- Calls of the last while, in parts: begin ms, successes, failures of each, earliest first.
local window = max(1, A[8])

-- Counts calls that ended now, and forgets what has left the window.
local function count(successes, failures)
  local parts, kept = S[5], {}
  for at = 1, #parts, 3 do
    if min(MAX, parts[at] + window) > now then
      local n = #kept
      kept[n + 1], kept[n + 2], kept[n + 3] = parts[at], parts[at + 1], parts[at + 2]
    end
  end
  local begin = now - now % max(1, floor(A[8] / 10))
  -- Where clients divide their windows differently, the last part may have begun later.
  if #kept == 0 or kept[#kept - 2] < begin then
    if #kept >= 60 then
      for _ = 1, 3 do table.remove(kept, 1) end
    end
    local n = #kept
    kept[n + 1], kept[n + 2], kept[n + 3] = begin, 0, 0
  end
  local n = #kept
  kept[n - 1], kept[n] = min(COUNT_MAX, kept[n - 1] + successes), min(COUNT_MAX, kept[n] + failures)
  S[5] = kept
end

-- Successes and failures in the window.
local function counted()
  local parts, successes, failures = S[5], 0, 0
  for at = 1, #parts, 3 do
    if min(MAX, parts[at] + window) > now then
      successes, failures = successes + parts[at + 1], failures + parts[at + 2]
    end
  end
  return successes, failures
end
