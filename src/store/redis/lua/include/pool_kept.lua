-- Keep: 7, size, deadline, fingerprint, what it is kept as. Out: 0, whether there was room.
-- Kept: 8, size, deadline. Out: 0, n, then n times fingerprint, what it is kept as.
-- Drop: 9, size, deadline, fingerprint. Out: 0, whether it was kept.
if kind == 8 then
  local entries, from = call('HGETALL', KEYS[3]), o + 1
  out[from], out[from + 1], o = 0, kept_count, from + 1
  for at = 1, #entries, 2 do
    if kept_writes[entries[at]] == nil then
      out[o + 1], out[o + 2], o = entries[at], entries[at + 1], o + 2
    end
  end
  for fingerprint, value in pairs(kept_writes) do
    if value then
      out[o + 1], out[o + 2], o = fingerprint, value, o + 2
    end
  end
  listed[#listed + 1] = { from, o }
else
  local fingerprint = A[i + 3]
  local is_kept = kept_writes[fingerprint]
  if is_kept == nil then is_kept = call('HEXISTS', KEYS[3], fingerprint) == 1 end
  local is_done = is_kept
  if kind == 7 then is_done = is_kept or kept_count < KEPT_MAX end
  if is_done then
    kept_writes[fingerprint], dirty = kind == 7 and A[i + 4], true
    kept_count = kept_count + (kind == 7 and 1 or 0) - (is_kept and 1 or 0)
  end
  out[o + 1], out[o + 2], o = 0, is_done and 1 or 0, o + 2
end
