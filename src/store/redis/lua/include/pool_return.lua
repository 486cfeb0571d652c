-- Return: 3, size, deadline, fingerprint, resource, picked at ms. Out: 0, whether that request was known.
local k, name, picked = numbers[A[i + 3]], A[i + 4], A[i + 5]
local account = k and look(k)
local r = account and account[5][name]
local was_known = r and end_request(r[9], picked)
if was_known then
  account, r = open(k, name)
  r[15] = max(0, r[15] - 1)
  prolong(account, r)
end
out[o + 1], out[o + 2], o = 0, was_known and 1 or 0, o + 2
