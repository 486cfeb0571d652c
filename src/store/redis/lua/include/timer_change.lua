-- Get: 2, size, deadline, id. Cancel: 3, size, deadline, id.
-- Update: 4, size, deadline, id, due: -1 as it is | 0 in | 1 at, ms, name, owner, document, recurrence (-1 = as it is).
-- Out: 0, then 0 there is none | 1, view (and its text).
local r = kind == 2 and present(T, id) or kind ~= 2 and look(T, id)
if not r or (kind ~= 2 and r[1] ~= 0) then
  out[o + 1], out[o + 2], o = 0, 0, o + 2
else
  local text = text_of(T, id)
  if kind == 3 then
    r[1], r[3] = 2, now
    put(T, id, r)
  elseif kind == 4 then
    local fields = fields_of(text)
    if #fields >= 5 then
      list_in(T.index, fields, id, false)
      for k = 1, 4 do
        if type(A[i + 5 + k]) == 'string' then fields[k] = A[i + 5 + k] end
      end
      list_in(T.index, fields, id, true)
      text = pack(fields)
      T.text[id] = text
    end
    if A[i + 4] >= 0 then
      local due = min(MAX, A[i + 4] == 0 and now + A[i + 5] or A[i + 5])
      r[8] = now
      if due ~= r[2] then
        r[2], r[11] = due, 1
        if r[4] ~= '' then r[9] = min(MAX, r[9] + 1) end
        unclaim(r)
      end
    end
    put(T, id, r)
  end
  out[o + 1], out[o + 2], o = 0, 1, o + 2
  view(T, r)
  tell_text(T, id, text)
end
