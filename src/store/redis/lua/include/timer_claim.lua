-- Claim: 6, size, deadline, holder, lease ms, timers, deliveries.
-- Out: 0, n, then n times id and view, m, then m times id and view (and their texts).
local lease, is_any = A[i + 4], false
-- A clock that was set back would make claims last as much longer, also those of processes that are gone.
if now + CLOCK_SLACK < last_claim() then
  for _, t in ipairs({ T, D }) do
    flush(t)
    for _, claimed in ipairs(look_at_members(t, t.claims, call('ZRANGE', t.claims, 0, -1))) do
      local r = t.seen[claimed]
      if r then r[5] = min(r[5], MAX, now + r[6]) end
      put(t, claimed, r)
    end
  end
  claimed_at, changed = now, true
end
out[o + 1], o = 0, o + 1
for k, t in ipairs({ T, D }) do
  local count, taken, count_at = min(CLAIM_MAX, A[i + 4 + k]), 0, o + 1
  o = count_at
  if count > 0 then
    flush(t)
    local lapsed = call('ZRANGEBYSCORE', t.claims, '-inf', now, 'LIMIT', 0, CLAIM_MAX)
    for _, lost in ipairs(look_at_members(t, t.claims, lapsed)) do
      local r = t.seen[lost]
      if r then unclaim(r) end
      put(t, lost, r)
    end
    flush(t)
    local may_die = t == D and call('ZCARD', KEYS[19]) > 0
    local due = call('ZRANGEBYSCORE', t.due, '-inf', now, 'LIMIT', 0, may_die and CLAIM_MAX or count)
    look_at_members(t, t.due, due)
    local due_texts = texts_of(t, due)
    for at, name in ipairs(due) do
      local r = t.seen[name]
      if taken == count then break end
      if not r then
        -- What has no record, or a damaged one, is nothing to be done.
        drop_all(t, { name })
      elseif may_die and is_disabled(due_texts[at]) then
        r[10] = DISABLED
        die(r)
        put(t, name, r)
      else
        claim(r, id, lease)
        if t == T then r[11] = 0 end
        put(t, name, r)
        taken, out[o + 1], o = taken + 1, name, o + 1
        view(t, r, false)
        tell_text(t, name, due_texts[at])
      end
    end
    is_any = is_any or taken > 0
  end
  out[count_at] = taken
end
if is_any then claimed_at = max(last_claim(), now) end
