-- Deliveries: 12, size, deadline, after, dead 0|1, limit.
-- Out: 0, n, then n times id and view (and their texts), where to go on.
flush(D)
local limit, key = max(1, min(LOOKS_MAX, A[i + 5])), A[i + 4] == 1 and D.ended_ids or D.ids
local count_at, found, next_id, from, is_over = o + 2, 0, '', '(' .. id, false
local last_id = ''
out[o + 1], o = 0, o + 2
while not is_over do
  local ids = call('ZRANGEBYLEX', key, from, '+', 'LIMIT', 0, limit + 1)
  look_at_all(D, ids)
  local all_texts = texts_of(D, ids)
  for k, name in ipairs(ids) do
    local r = D.seen[name]
    if r and is_kept(D, r) then
      if found == limit then
        next_id, is_over = last_id, true
        break
      end
      found, last_id, out[o + 1], o = found + 1, name, name, o + 1
      view(D, r, is_disabled(all_texts[k]))
      tell_text(D, name, all_texts[k])
    end
  end
  if #ids <= limit then is_over = true else from = '(' .. ids[#ids] end
end
out[count_at], out[o + 1], o = found, next_id, o + 1
