-- A batch that does nothing but make timers, none of which is known: so it is with most that make any. Nothing has to
-- leave a schedule then, and the commands are filled as the operations are read; what is written and answered is what
-- `timer_new` and `write` would. Returns how many were made, 0 when it was another batch: then nothing was written.
local function create_all()
  if A[4] ~= 1 or A[7] == 1 then return 0 end
  local ids, count, taken, at, to = {}, 0, {}, 11, #A
  while at <= to do
    local id, deadline = A[at + 3], A[at + 2]
    if A[at] ~= 1 or taken[id] or deadline > 0 and deadline <= now then return 0 end
    count = count + 1
    ids[count], taken[id], at = id, true, at + A[at + 1]
  end
  for from = 1, count, 1000 do
    local found = call('HMGET', T.key, unpack(ids, from, min(from + 999, count)))
    for k = 1, #found do
      if found[k] then return 0 end
    end
  end
  local records, new_texts, dues, members, names, owners, n, owned = {}, {}, {}, {}, {}, {}, 0, 0
  -- One for all: it is packed before the next one changes it. A score that is text needs no conversion.
  local r = { 0, 0, 0, '', 0, 0, now, now, 0, '', 0 }
  at = 11
  for k = 1, count do
    local id, due = ids[k], A[at + 5]
    if A[at + 4] == 0 then due = now + due end
    due = min(MAX, due)
    r[2], r[10] = due, A[at + 6]
    records[n + 1], records[n + 2] = id, pack(r)
    new_texts[n + 1], new_texts[n + 2] = id, ARGV[A[at + 8]]
    dues[n + 1], dues[n + 2] = due, id
    members[n + 1], members[n + 2] = '0', id
    names[n + 1], names[n + 2] = '0', A[at + 9]
    if A[at + 10] ~= -1 then owners[owned + 1], owners[owned + 2], owned = '0', A[at + 10], owned + 2 end
    out[o + 1], out[o + 2], out[o + 3], out[o + 4], o = 0, 0, due, now, o + 4
    n, at = n + 2, at + A[at + 1]
  end
  run('HSET', T.key, records)
  run('HSET', T.texts, new_texts)
  run('ZADD', T.due, dues)
  run('ZADD', T.ids, members)
  run('ZADD', KEYS[10], names)
  run('ZADD', KEYS[11], owners)
  changed = true
  return count
end
