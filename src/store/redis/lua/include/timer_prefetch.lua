-- The records that operations name are read at once.
local named = { {}, {} }
local at, to = 11, #A
while at <= to do
  local kind, id = A[at], A[at + 3]
  if kind <= 4 or kind == 7 then
    add(named[1], id)
    if kind == 7 and A[at + 9] > 0 then add(named[2], A[at + 8]) end
  elseif kind == 8 or kind == 9 then
    for _, name in ipairs(A[at + 4]) do add(named[1], name) end
    for _, name in ipairs(A[at + 5]) do add(named[2], name) end
  elseif kind == 10 or kind == 11 or kind == 13 or kind == 14 then
    add(named[2], id)
  end
  at = at + A[at + 1]
end
look_at_all(T, named[1])
look_at_all(D, named[2])
