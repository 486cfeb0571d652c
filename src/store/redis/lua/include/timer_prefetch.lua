-- The records that operations name are read at once.
local named = { {}, {} }
local at, to = 11, #A
while at <= to do
  local kind, id = A[at], A[at + 3]
  if kind <= 4 or kind == 7 then
    named[1][#named[1] + 1] = id
    if kind == 7 and A[at + 9] > 0 then named[2][#named[2] + 1] = A[at + 8] end
  elseif kind == 8 or kind == 9 then
    for k = 1, 2 do
      for _, name in ipairs(A[at + 3 + k]) do named[k][#named[k] + 1] = name end
    end
  elseif kind == 10 or kind == 11 or kind == 13 or kind == 14 then
    named[2][#named[2] + 1] = id
  end
  at = at + A[at + 1]
end
look_at_all(T, named[1])
look_at_all(D, named[2])
