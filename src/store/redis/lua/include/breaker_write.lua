-- Nothing here meets a wrong type. What was opened by hand stays.
if S[14] < MAX then
  call('SET', KEYS[1], cmsgpack.pack(S), 'PXAT', min(MAX, S[14] + shift))
else
  call('SET', KEYS[1], cmsgpack.pack(S))
end
call('PSETEX', KEYS[2], 3600000, answer)
if S[13] ~= version_before then redis.pcall('PUBLISH', A[14], A[15] .. ' ' .. view_as_json()) end
