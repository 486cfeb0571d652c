-- Begins a state (0 closed, 1 open, 2 half open). What belonged to the one before is over, but for the failures that
-- led here.
local function enter(state, open_until)
  S[3], S[5], S[6], S[7], S[9], S[11], S[12] = state, {}, 0, 0, open_until, '', 0
  if state == 0 then
    S[4], S[10] = 0, 0
  elseif state == 1 then
    S[8] = max(1, now)
  end
  return 2
end

-- How long an opening lasts, by its number in a row.
local function open_ms(openings)
  local longest, growth = A[10], min(A[11], 1000000)
  local ms = min(A[9], longest)
  for _ = 2, min(openings, 64) do
    -- In steps, so that every product below 2^53 is exact.
    local grown = floor(ms / 1000) * growth + floor(ms % 1000 * growth / 1000)
    if ms >= longest or grown <= ms then break end
    ms = min(grown, longest)
  end
  return ms
end

-- Opens until the provider's service is said to be back (an instant, 0 = it was not said); else for the policy's time.
local function open(reset_at)
  S[10] = min(MAX, S[10] + 1)
  local told = min(max(0, reset_at - now), A[10])
  return enter(1, min(MAX, now + (told > 0 and told or open_ms(S[10]))))
end
