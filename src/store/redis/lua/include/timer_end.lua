-- Forgets some of what has outlived its life, tells when something is due next, and remembers the answer.
if A[4] == 1 then
  for _, t in ipairs({ T, D }) do
    flush(t)
    if writes > 0 and now >= t.keep and t.over > 0 then
      local ids = call('ZRANGEBYSCORE', t.ended, '-inf', now - t.keep, 'LIMIT', 0, min(2000, writes * 2))
      drop_all(t, look_at_members(t, t.ended, ids))
      flush(t)
    end
  end
end
local next_due = first_due()
out[3] = next_due or -1
for _, name in ipairs(wanted) do
  out[o + 1], o = name, o + 1
end
out[o + 1] = #wanted
table.insert(texts, 1, pack(out))
if not changed then return texts end
if claimed_at and claimed_at ~= claimed_before then
  call('HSET', KEYS[1], 'claimed', string.format('%.0f', claimed_at))
end
--- @include timer_life
call('SET', KEYS[2], texts[1], 'PX', 3600000)
if next_due and (not due_before or next_due < due_before) then
  redis.pcall('PUBLISH', A[9], A[8] .. ' ' .. string.format('%.0f', next_due))
end
for _, message in ipairs(messages) do redis.pcall('PUBLISH', A[10], message) end
return texts
