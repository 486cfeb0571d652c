-- Records by id, T of timers and D of deliveries. What is changed is written by `flush`, once; lists and claims,
-- which look at schedules, come after it.
-- seen: records that were looked at, false = there is none. was, at: the schedule where a record stands, and its score.
-- dirty: what `flush` has to write, in this order. over: how many are over. odd: ids of damaged records.
-- text: new texts, false = gone. index: members of names and owners that come (true) and go (false).
local function table_at(k, keep, most, has_all)
  return {
    key = KEYS[k], texts = KEYS[k + 1], due = KEYS[k + 2], claims = KEYS[k + 3], ended = KEYS[k + 4],
    ids = KEYS[k + 5], ended_ids = KEYS[k + 6], keep = keep, most = most, has_all = has_all,
    over = A[4] == 1 and call('ZCARD', KEYS[k + 4]) or 0,
    seen = {}, was = {}, at = {}, dirty = {}, is_dirty = {}, odd = {}, text = {}, index = { {}, {} },
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

local function take_in(t, id, packed)
  local r = false
  if packed then
    local is_read, value = lua_pcall(unpack_text, packed)
    if is_read and is_whole(t, value) then r = value else t.odd[id] = true end
  end
  t.seen[id] = r
  if r then t.was[id], t.at[id] = place(t, r) end
  return r
end

local function look_at_all(t, ids)
  local unseen = {}
  for _, id in ipairs(ids) do
    if t.seen[id] == nil then unseen[#unseen + 1] = id end
  end
  for from = 1, #unseen, 1000 do
    local packed = call('HMGET', t.key, unpack(unseen, from, min(from + 999, #unseen)))
    for k = 1, #packed do take_in(t, unseen[from + k - 1], packed[k]) end
  end
end

-- Members of a schedule, with their records. What has none that can be read can be dropped.
local function look_at_members(t, key, ids)
  look_at_all(t, ids)
  for _, id in ipairs(ids) do t.was[id] = t.was[id] or key end
  return ids
end

local function look(t, id)
  local r = t.seen[id]
  if r == nil then r = take_in(t, id, call('HGET', t.key, id)) end
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
  t.seen[id], t.is_dirty[id], changed = r, is_over, true
end
