-- An account as it was packed. States of earlier versions are shorter, and tell nothing of the rest.
local function unpacked(bytes)
  local account = cmsgpack.unpack(bytes)
  for k = #account + 1, 5 do account[k] = k == 5 and {} or 0 end
  account[6] = account[6] or account[3]
  for _, r in pairs(account[5]) do
    if r[14] == nil then
      for k = 1, 12 do r[k] = r[k] or (k == 9 and {} or 0) end
      r[13], r[14] = r[13] or r[7], 0
    end
    r[15] = r[15] or 0
  end
  return account
end
