-- Fired: 7, size, deadline, id, holder, nonce, occurrence, next due ms (-1 = never), id of the delivery, its text
--   (0 = nothing is to be sent), its lease ms.
-- Out: 0, was held 0|1, then 0 no delivery | 1 a new one, view | 2 a known one, view (and its text).
local r, holder = present(T, id), A[i + 4]
local was_held = false
if r and r[10] == A[i + 5] and r[9] == A[i + 6] then
  if r[1] == 0 then
    was_held = is_of(r, holder) or (is_free(r) and r[11] == 0)
  elseif r[1] == 2 then
    was_held = is_of(r, holder)
  end
end
out[o + 1], out[o + 2], out[o + 3], o = 0, was_held and 1 or 0, 0, o + 3
if was_held then
  r[9], r[11] = min(MAX, r[9] + 1), 0
  unclaim(r)
  if r[1] == 0 and A[i + 7] >= 0 then
    r[8], r[2] = r[2], A[i + 7]
  elseif r[1] == 0 then
    r[1], r[3] = 1, now
  end
  put(T, id, r)
  if A[i + 9] > 0 then
    local name, text, lease = A[i + 8], ARGV[A[i + 9]], A[i + 10]
    local d = not D.odd[name] and present(D, name)
    if d then
      local known = text_of(D, name)
      out[o] = 2
      view(D, d, is_disabled(known))
      tell_text(D, name, known)
    else
      d = { 0, now, 0, '', 0, 0, now, 0, id, '' }
      local disabled = call('ZCARD', KEYS[19]) > 0 and is_disabled(text)
      if disabled then
        d[10] = DISABLED
        die(d)
      elseif lease > 0 then
        claim(d, holder, lease)
        claimed_at = max(last_claim(), now)
      end
      put(D, name, d)
      D.text[name] = text
      out[o] = 1
      view(D, d, disabled)
    end
  end
end
