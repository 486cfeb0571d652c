-- What a response says: A[u ..] = sent ms, success 0|1, hit 0|1, retry after ms (-1, 0 = not told), jitter
-- (thousandths), kind (0 none, 1 rate, 2 quota), least pause ms, n, n x (unit, limit (-1 = not told), remaining,
-- resets ms). Its request left at `sent`.
-- own: what the call that it answers took of it.
local function learn_quota(unit, limit, remaining, resets, sent, own)
  resets = min(resets, now + min(A[8], PAUSE_MAX))
  if resets <= now then return end
  local q = unit * 4
  if limit >= 0 then S[25][q + 1] = min(limit, MAX) end
  local Q, U, told = S[25], S[34], min(remaining, MAX)
  if now >= Q[q + 3] or sent >= Q[q + 4] then
    Q[q + 2], Q[q + 3], Q[q + 4], U[unit + 1] = told, resets, now, of(unit, S[7], S[8], S[9])
    return
  end
  U[unit + 1] = less(U[unit + 1], own)
  if told < Q[q + 2] then Q[q + 2], Q[q + 3], Q[q + 4] = told, max(Q[q + 3], resets), now end
end

local function end_pauses()
  S[11], S[12], S[14] = 0, 0, ''
end

local function pause_until(instant)
  if instant > now and instant > S[10] then S[10], S[33] = instant, now end
end

-- The kind of the hit that a pause or probing goes back to.
local function paused_by()
  if S[12] == 1 or now < S[10] then return S[31] end
  return 0
end

local function hit(told, jitter, hit_kind, least, sent)
  local is_same_burst, is_graver = now < S[10], hit_kind == 2 and S[31] ~= 2
  if sent > 0 then is_same_burst = sent <= S[13] end
  if not is_same_burst then S[11], S[12], S[13] = min(S[11] + 1, HITS_MAX), 1, now end
  if not is_same_burst or is_graver then S[31] = hit_kind end
  local backs_off = is_graver
  if not is_same_burst then backs_off = told <= 0 or S[11] > 1 or hit_kind == 2 end
  local longest, backoff = min(A[8], PAUSE_MAX), 0
  if backs_off then
    backoff = min(A[7] * 2 ^ max(S[11] - 1, 0), longest)
    jitter = min(jitter, 1000)
    if S[11] > 1 then
      backoff = backoff - floor(backoff * jitter / 2000)
    else
      backoff = backoff + floor(backoff * jitter / 10000)
    end
    backoff = min(max(backoff, A[7]), longest)
  end
  local pause = max(min(max(told, least), longest), backoff)
  pause_until(now + pause)
end

-- own: by unit, what the call took and quotas still count as not told.
local function observe(u, sent, own)
  if A[u + 2] == 1 then
    hit(A[u + 3], A[u + 4], A[u + 5], A[u + 6], sent)
  elseif A[u + 1] == 1 and sent > S[13] then
    end_pauses()
  end
  -- New only when its request left after the last settle and the last reading, see `decide/signals.rs`.
  sent = sent > S[30] and max(0, sent - 1) or 0
  for k = u + 8, u + 4 + 4 * A[u + 7], 4 do
    local unit = A[k]
    learn_quota(unit, A[k + 1], A[k + 2], A[k + 3], sent, own and own[unit + 1] or 0)
    if own then own[unit + 1] = 0 end
  end
end
