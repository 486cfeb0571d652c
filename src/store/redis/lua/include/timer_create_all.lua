-- A batch that does nothing but make timers, none of which is known: so it is with most that make any. Nothing has to
-- leave a schedule then, and commands are filled as the operations are read; what is written is what `timer_new` and
-- `write` would. Out: 4, once for all of them. Returns how many were made, 0 when it was another batch: then nothing
-- was written, but for ids that `timer_new` lists again.
local function create_all()
  if A[4] ~= 1 or A[7] == 1 then return 0 end
  local count, at, to = 0, 11, #A
  while at <= to do
    if A[at] ~= 1 or A[at + 2] > 0 and A[at + 2] <= now then return 0 end
    count, at = count + 1, at + A[at + 1]
  end
  local members, new_texts, dues, names, owners, n, owned = {}, {}, {}, {}, {}, 0, 0
  -- Most are due in the same time. Scores that are text need no conversion.
  local kind, after, due, instants
  at = 11
  for _ = 1, count do
    local id = A[at + 3]
    if A[at + 4] ~= kind or A[at + 5] ~= after then
      kind, after = A[at + 4], A[at + 5]
      local due_ms = min(MAX, kind == 0 and now + after or after)
      due, instants = string.format('%.0f', due_ms), pack(due_ms, now)
    end
    members[n + 1], members[n + 2] = '0', id
    new_texts[n + 1], new_texts[n + 2] = id, A[at + 6] .. instants
    dues[n + 1], dues[n + 2] = due, id
    names[n + 1], names[n + 2] = '0', A[at + 7]
    if A[at + 8] ~= -1 then owners[owned + 1], owners[owned + 2], owned = '0', A[at + 8], owned + 2 end
    n, at = n + 2, at + A[at + 1]
  end
  -- Every timer is listed by its id: one that is known, or comes twice, is not added.
  local added = 0
  for from = 1, n, 1000 do
    added = added + call('ZADD', T.ids, 'NX', unpack(members, from, min(from + 999, n)))
  end
  if added < count then return 0 end
  run('HSET', T.texts, new_texts)
  run('ZADD', T.due, dues)
  run('ZADD', KEYS[10], names)
  run('ZADD', KEYS[11], owners)
  out[o + 1], o, changed = 4, o + 1, true
  return count
end
