-- Records by id, T of timers and D of deliveries. What is changed is written by `flush`, once; lists and claims,
-- which look at schedules, come after it.
-- seen: records that were looked at, false = there is none. was, at: the schedule where a record stands, and its score.
-- dirty: what `flush` has to write, in this order. over: how many are over. odd: ids of damaged records.
-- text: new texts, false = gone. index: members of names and owners that come (true) and go (false).
-- kept: texts that were read, false = there is none. as_made: ids whose text says all of them, see `made_of`.
local function table_at(k, keep, most, has_all)
  return {
    key = KEYS[k], texts = KEYS[k + 1], due = KEYS[k + 2], claims = KEYS[k + 3], ended = KEYS[k + 4],
    ids = KEYS[k + 5], ended_ids = KEYS[k + 6], keep = keep, most = most, has_all = has_all,
    over = A[4] == 1 and call('ZCARD', KEYS[k + 4]) or 0,
    seen = {}, was = {}, at = {}, dirty = {}, is_dirty = {}, odd = {}, text = {}, index = { {}, {} }, kept = {},
    as_made = {},
  }
end
local T, D = table_at(3, A[5], ENDED_MAX, true), table_at(12, A[6], DEAD_MAX, false)

-- The schedule where a record belongs, and since or until when.
local function place(t, r)
  if r[1] ~= 0 then return t.ended, r[3] end
  if r[4] == '' then return t.due, r[2] end
  return t.claims, r[5]
end

local function is_number(value) return type(value) == 'number' end

local function is_whole(t, v)
  return type(v) == 'table' and type(v[4]) == 'string' and type(v[10]) == 'string' and is_number(v[1])
    and is_number(v[2]) and is_number(v[3]) and is_number(v[5]) and is_number(v[6]) and is_number(v[7])
    and is_number(v[8]) and (not t.has_all or is_number(v[9]) and is_number(v[11]))
end

-- A timer to which nothing has happened since it was made has no record: instants stand behind the array that its
-- text is. What ends without them belongs to a record that is gone.
local function made_of(t, id)
  local text = t.kept[id]
  if not text then return false end
  local is_read, fields, due, created = lua_pcall(unpack_text, text)
  if is_read and due == nil then return false end
  local is_made = is_read and type(fields) == 'table' and type(fields[6]) == 'string' and is_number(due)
    and is_number(created)
  if is_made then return { 0, due, 0, '', 0, 0, created, created, 0, fields[6], 0 } end
  t.odd[id] = true
  return false
end

local function take_in(t, id, packed)
  local r = false
  if packed then
    local is_read, value = lua_pcall(unpack_text, packed)
    if is_read and is_whole(t, value) then r = value else t.odd[id] = true end
  elseif t.has_all then
    r = made_of(t, id)
  end
  t.seen[id] = r
  if r then t.was[id], t.at[id] = place(t, r) end
  return r
end

-- Fields of a hash, by position; false where there is none.
local function read_all(key, ids)
  local found = {}
  for from = 1, #ids, 1000 do
    local part = call('HMGET', key, unpack(ids, from, min(from + 999, #ids)))
    for k = 1, #part do found[from + k - 1] = part[k] end
  end
  return found
end

-- Texts as they are kept, read at once.
local function keep_texts(t, ids)
  local unread = {}
  for _, id in ipairs(ids) do
    if t.kept[id] == nil then unread[#unread + 1] = id end
  end
  local found = read_all(t.texts, unread)
  for k, id in ipairs(unread) do t.kept[id] = found[k] end
end

local function look_at_all(t, ids)
  local unseen, bare = {}, {}
  for _, id in ipairs(ids) do
    if t.seen[id] == nil then unseen[#unseen + 1] = id end
  end
  local packed = read_all(t.key, unseen)
  if t.has_all then
    for k, id in ipairs(unseen) do
      if not packed[k] then bare[#bare + 1] = id end
    end
    keep_texts(t, bare)
  end
  for k, id in ipairs(unseen) do take_in(t, id, packed[k]) end
end

-- Members of a schedule, with their records. What has none that can be read can be dropped.
local function look_at_members(t, key, ids)
  look_at_all(t, ids)
  for _, id in ipairs(ids) do t.was[id] = t.was[id] or key end
  return ids
end

local function look(t, id)
  local r = t.seen[id]
  if r == nil then
    look_at_all(t, { id })
    r = t.seen[id]
  end
  return r
end

-- To be called when a record has changed, is new (r) or goes (false).
local function put(t, id, r)
  local was_over = t.is_dirty[id]
  if was_over == nil then
    was_over = t.was[id] == t.ended
    t.dirty[#t.dirty + 1] = id
  end
  local is_over = r and r[1] ~= 0 or false
  t.over = t.over + (is_over and 1 or 0) - (was_over and 1 or 0)
  t.seen[id], t.is_dirty[id], t.as_made[id], changed = r, is_over, nil, true
end
