-- The index of open reservations: what is new, what ended, what expired.
adds, drops = {}, {}
for slot in pairs(R_new) do
  adds[#adds + 1], adds[#adds + 2] = R_expires[slot], R_member[slot]
end
for member in pairs(removed) do drops[#drops + 1] = member end
for from = 1, refused and 0 or #adds, 1000 do
  if not refused then
    local r = pcall('ZADD', KEYS[PENDING], unpack(adds, from, min(from + 999, #adds)))
    refused = type(r) == 'table' and r
  end
end
for from = 1, refused and 0 or #drops, 1000 do
  if not refused then
    local r = pcall('ZREM', KEYS[PENDING], unpack(drops, from, min(from + 999, #drops)))
    refused = type(r) == 'table' and r
  end
end
