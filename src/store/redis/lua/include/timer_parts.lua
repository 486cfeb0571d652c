-- Parts of operations.
local function text_of(t, id)
  local text = t.text[id]
  if text ~= nil then return text end
  if t.kept[id] == nil then t.kept[id] = call('HGET', t.texts, id) end
  return t.kept[id]
end

local function texts_of(t, ids)
  keep_texts(t, ids)
  local found = {}
  for k, id in ipairs(ids) do found[k] = text_of(t, id) end
  return found
end

-- The fields of a text; none when it is gone or damaged.
local function fields_of(text)
  local is_read, fields = lua_pcall(unpack_text, text or '')
  return is_read and type(fields) == 'table' and fields or {}
end

-- What names and owners list a timer as. The length keeps names apart that begin alike.
local function listed_as(term) return length(term) .. ':' .. term end

local function list_in(index, fields, id, is_listed)
  if type(fields[1]) == 'string' then index[1][listed_as(fields[1]) .. id] = is_listed end
  if type(fields[2]) == 'string' and fields[2] ~= '' then index[2][listed_as(fields[2]) .. id] = is_listed end
end

local function drop_all(t, ids)
  local found = t == T and texts_of(t, ids) or {}
  for k, id in ipairs(ids) do
    if t == T then list_in(t.index, fields_of(found[k]), id, false) end
    t.text[id] = false
    put(t, id, false)
  end
end

-- Writes what has changed, and forgets what is over beyond the bound, longest over first.
local function flush(t)
  while true do
    if #t.dirty > 0 then write(t) end
    if t.over <= t.most then return end
    local surplus = look_at_members(t, t.ended, call('ZRANGE', t.ended, 0, min(1000, t.over - t.most) - 1))
    drop_all(t, surplus)
    if #surplus == 0 then t.over = 0 end
  end
end

local function is_kept(t, r) return r[1] == 0 or min(MAX, r[3] + t.keep) > now end

-- A record that has not outlived its life.
local function present(t, id)
  local r = look(t, id)
  if r and r[1] ~= 0 and t.over > t.most then
    flush(t)
    r = look(t, id)
  end
  return r and is_kept(t, r) and r or nil
end
