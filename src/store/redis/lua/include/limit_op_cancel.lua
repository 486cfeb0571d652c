-- Cancel: 5, size, deadline, id. Out: known 0|1.
local id = A[i + 3]
local p = P[id]
if p and p[1] == 3 then
  local _, _, _, _, _, name = decode(sub(p[2], 17))
  leave_line(id, p[2], name)
elseif p then
  take_permit(id)
  correct(p, 0, 0, 0, false)
  if S[16] == id then S[15], S[16], S[17] = S[17], '', 0 end
end
out[o + 1], o = p and 1 or 0, o + 1
