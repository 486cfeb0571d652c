-- Commands with many arguments each: `add` collects, `run` sends.
local function add(list, a, b)
  list[#list + 1] = a
  if b then list[#list + 1] = b end
end

local function run(command, key, list)
  for from = 1, #list, 1000 do call(command, key, unpack(list, from, min(from + 999, #list))) end
end

local function write_index(key, index)
  local come, go = {}, {}
  for member, comes in pairs(index) do
    if comes then add(come, 0, member) else add(go, member) end
  end
  run('ZREM', key, go)
  run('ZADD', key, come)
end

-- Writes what has changed. No command here meets a wrong type.
local function write(t)
  local leave, enter = { [t.due] = {}, [t.claims] = {}, [t.ended] = {} }, { [t.due] = {}, [t.claims] = {}, [t.ended] = {} }
  local records, gone, ids, no_ids, over_ids, no_over_ids = {}, {}, {}, {}, {}, {}
  for _, id in ipairs(t.dirty) do
    local r, was = t.seen[id], t.was[id]
    local is, at
    if r then
      is, at = place(t, r)
      add(records, id, cmsgpack.pack(r))
    else
      add(gone, id)
    end
    if was and was ~= is then add(leave[was], id) end
    if is and (was ~= is or t.at[id] ~= at) then add(enter[is], at, id) end
    local had_id = was and (t.has_all or was ~= t.ended)
    local has_id = is and (t.has_all or is ~= t.ended)
    if has_id and not had_id then add(ids, 0, id) end
    if had_id and not has_id then add(no_ids, id) end
    if is == t.ended and was ~= t.ended then add(over_ids, 0, id) end
    if was == t.ended and is ~= t.ended then add(no_over_ids, id) end
    t.was[id], t.at[id] = is, at
  end
  run('HSET', t.key, records)
  run('HDEL', t.key, gone)
  for key, list in pairs(leave) do run('ZREM', key, list) end
  for key, list in pairs(enter) do run('ZADD', key, list) end
  run('ZADD', t.ids, ids)
  run('ZREM', t.ids, no_ids)
  run('ZADD', t.ended_ids, over_ids)
  run('ZREM', t.ended_ids, no_over_ids)
  local new, old = {}, {}
  for id, text in pairs(t.text) do
    if text then add(new, id, text) else add(old, id) end
  end
  run('HSET', t.texts, new)
  run('HDEL', t.texts, old)
  write_index(KEYS[10], t.index[1])
  write_index(KEYS[11], t.index[2])
  t.dirty, t.is_dirty, t.text, t.index = {}, {}, {}, { {}, {} }
end
