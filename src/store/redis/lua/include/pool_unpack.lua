-- An account as it was packed. States of earlier versions are shorter, and tell nothing of the rest.
local function unpacked(bytes)
  local account = cmsgpack.unpack(bytes)
  for k = #account + 1, 5 do account[k] = k == 5 and {} or 0 end
  for _, r in pairs(account[5]) do
    if r[12] == nil then
      for k = 1, 12 do r[k] = r[k] or (k == 9 and {} or 0) end
    end
  end
  return account
end
