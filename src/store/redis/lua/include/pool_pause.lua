-- Rests after limits that were hit. In t, an account or a resource: p until ms, p + 1 hits in a row, p + 2 last hit,
-- and when the rest was told, which is the 6th of an account and the 13th of a resource.
-- What was sent before the last hit was known belongs to its burst.
local function hit(t, p, picked)
  local is_same_burst = picked <= t[p + 2]
  if picked == 0 then is_same_burst = now < t[p] end
  if t[p + 1] == 0 or not is_same_burst then
    t[p + 1], t[p + 2] = min(30, t[p + 1] + 1), now
  end
end

local function served(t, p, picked)
  if picked > t[p + 2] then t[p + 1] = 0 end
end

local function rest_until(t, p, instant)
  if instant > t[p] then t[p], t[p == 1 and 6 or 13] = instant, now end
end

local function rest_as_told(t, p, instant)
  rest_until(t, p, min(instant, MAX, min(MAX, now + DAY) + A[8]))
end

local function rest(t, p, jitter, least)
  local pause = min(A[7] * 2 ^ max(0, t[p + 1] - 1), A[8])
  jitter = min(1000, jitter)
  if t[p + 1] > 1 then
    pause = pause - floor(pause / 2000) * jitter - floor(pause % 2000 * jitter / 2000)
  else
    pause = min(MAX, pause + floor(pause / 10000) * jitter + floor(pause % 10000 * jitter / 10000))
  end
  rest_until(t, p, min(MAX, now + min(max(pause, least, A[7]), A[8])))
end
