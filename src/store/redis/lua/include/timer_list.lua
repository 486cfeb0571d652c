-- List: 5, size, deadline, after, status (-1 = any), name (-1 = any), owner (-1 = any), limit.
-- Out: 0, n, then n times id and view (and their texts), where to go on.
flush(T)
local status, name, owner, limit = A[i + 4], A[i + 5], A[i + 6], max(1, A[i + 7])
local key, prefix = status > 0 and T.ended_ids or T.ids, ''
if type(owner) == 'string' and owner ~= '' then
  key, prefix = KEYS[11], listed_as(owner)
elseif type(name) == 'string' then
  key, prefix = KEYS[10], listed_as(name)
end
local count_at, found, looks, next_id, is_over = o + 2, 0, 0, '', false
local from, step = '(' .. prefix .. id, min(256, max(16, limit + 1))
out[o + 1], o = 0, o + 2
while not is_over do
  local members = call('ZRANGEBYLEX', key, from, '(' .. prefix .. '\255', 'LIMIT', 0, step)
  local ids = {}
  for k, member in ipairs(members) do ids[k] = sub(member, length(prefix) + 1) end
  look_at_all(T, ids)
  local all_texts = texts_of(T, ids)
  for k, listed in ipairs(ids) do
    local r = T.seen[listed]
    if r and is_kept(T, r) then
      if looks == LOOKS_MAX or found == limit then
        is_over = true
        break
      end
      looks, next_id = looks + 1, listed
      local fields = (name ~= -1 or owner ~= -1) and fields_of(all_texts[k])
      local is_named = (name == -1 or fields[1] == name) and (owner == -1 or fields[2] == owner)
      if is_named and (status < 0 or r[1] == status) then
        found, out[o + 1], o = found + 1, listed, o + 1
        view(T, r)
        tell_text(T, listed, all_texts[k])
      end
    end
  end
  if #members < step and not is_over then
    next_id, is_over = '', true
  elseif not is_over then
    from = '(' .. members[#members]
  end
end
out[count_at], out[o + 1], o = found, next_id, o + 1
