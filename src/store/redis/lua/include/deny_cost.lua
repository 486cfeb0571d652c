-- The first period in which the money does not fit, unless tokens do not fit in an earlier one.
for p = 3, 1, -1 do
  local limit = limits[p + 3] or -1
  if floor(bits / 2 ^ (p - 1)) % 2 == 1 and limit >= 0 and cost > limit - used[p + 3] - held[p + 3]
    and (not denied or p < denied) then
    denied = p
  end
end
