-- Commands with many arguments each.
local function run(command, key, list)
  for from = 1, #list, 1000 do call(command, key, unpack(list, from, min(from + 999, #list))) end
end

local function write_index(key, index)
  local come, go, count = {}, {}, 0
  for member, comes in pairs(index) do
    if comes then
      come[count + 1], come[count + 2], count = 0, member, count + 2
    else
      go[#go + 1] = member
    end
  end
  run('ZREM', key, go)
  run('ZADD', key, come)
end

-- Where ids come into and go from a list by id, when a record stands in `is` instead of `was`.
local function move_id(t, id, was, is, lists)
  local had = was and (t.has_all or was ~= t.ended)
  local has = is and (t.has_all or is ~= t.ended)
  if has and not had then lists.ids[#lists.ids + 1] = id end
  if had and not has then lists.no_ids[#lists.no_ids + 1] = id end
  if is == t.ended then lists.over[#lists.over + 1] = id end
  if was == t.ended then lists.not_over[#lists.not_over + 1] = id end
end

local function with_scores(ids)
  local list, count = {}, 0
  for k = 1, #ids do list[count + 1], list[count + 2], count = 0, ids[k], count + 2 end
  return list
end

-- Writes what has changed. No command here meets a wrong type.
local function write(t)
  local leave = { [t.due] = {}, [t.claims] = {}, [t.ended] = {} }
  local enter = { [t.due] = {}, [t.claims] = {}, [t.ended] = {} }
  local lists = { ids = {}, no_ids = {}, over = {}, not_over = {} }
  local records, gone, count, seen, was_in, at_in = {}, {}, 0, t.seen, t.was, t.at
  for k = 1, #t.dirty do
    local id = t.dirty[k]
    local r, was, is, at = seen[id], was_in[id], nil, nil
    if r then
      is, at = place(t, r)
      if not t.as_made[id] then records[count + 1], records[count + 2], count = id, pack(r), count + 2 end
      if was ~= is or at_in[id] ~= at then
        local list = enter[is]
        local entered = #list
        list[entered + 1], list[entered + 2] = at, id
      end
    else
      gone[#gone + 1] = id
    end
    if was ~= is then
      if was then leave[was][#leave[was] + 1] = id end
      move_id(t, id, was, is, lists)
    end
    was_in[id], at_in[id] = is, at
  end
  run('HSET', t.key, records)
  run('HDEL', t.key, gone)
  for key, list in pairs(leave) do run('ZREM', key, list) end
  for key, list in pairs(enter) do run('ZADD', key, list) end
  run('ZADD', t.ids, with_scores(lists.ids))
  run('ZREM', t.ids, lists.no_ids)
  run('ZADD', t.ended_ids, with_scores(lists.over))
  run('ZREM', t.ended_ids, lists.not_over)
  local new, old = {}, {}
  count = 0
  for id, text in pairs(t.text) do
    t.kept[id] = text
    if text then
      new[count + 1], new[count + 2], count = id, text, count + 2
    else
      old[#old + 1] = id
    end
  end
  run('HSET', t.texts, new)
  run('HDEL', t.texts, old)
  write_index(KEYS[10], t.index[1])
  write_index(KEYS[11], t.index[2])
  t.dirty, t.is_dirty, t.text, t.index = {}, {}, {}, { {}, {} }
end
