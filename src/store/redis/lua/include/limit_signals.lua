-- What a response says: A[u ..] = sent ms, success 0|1, hit 0|1, retry after ms (-1 = not told), jitter (thousandths),
-- n, n x (unit, limit (-1 = not told), remaining, resets ms). Its request left at `sent`.
local function learn_quota(unit, limit, remaining, resets, sent)
  if resets <= now then return end
  local q = unit * 4
  if limit >= 0 then S[25][q + 1] = min(limit, MAX) end
  local told = less(min(remaining, MAX), of(unit, S[7], S[8], S[9]))
  local is_newer = now >= S[25][q + 3] or sent >= S[25][q + 4]
  if is_newer or told < S[25][q + 2] then
    S[25][q + 2], S[25][q + 4] = told, now
    S[25][q + 3] = is_newer and resets or max(S[25][q + 3], resets)
  end
end

local function end_pauses()
  S[11], S[12], S[14] = 0, 0, ''
end

local function hit(retry_after, jitter, sent)
  if now >= S[10] or sent > S[13] then
    S[11], S[12], S[13] = min(S[11] + 1, HITS_MAX), 1, now
  elseif retry_after < 0 then -- One of the same burst.
    return
  end
  local longest, pause = min(A[8], PAUSE_MAX), retry_after
  if retry_after < 0 then
    pause = min(A[7] * 2 ^ (S[11] - 1), longest)
    pause = pause - floor(pause * min(jitter, 1000) / 2000)
  end
  S[10] = max(S[10], now + min(pause, longest))
end

local function observe(u, sent)
  if A[u + 2] == 1 then
    hit(A[u + 3], A[u + 4], sent)
  elseif A[u + 1] == 1 and sent > S[13] then
    end_pauses()
  end
  -- New only when its request left after the last settle and the last reading, see `decide/signals.rs`.
  sent = sent > S[30] and max(0, sent - 1) or 0
  for k = u + 6, u + 2 + 4 * A[u + 5], 4 do learn_quota(A[k], A[k + 1], A[k + 2], A[k + 3], sent) end
end
