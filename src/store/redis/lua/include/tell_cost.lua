-- The record of the usage tells what it cost, as `history_record` writes it. Texts in front of it have no `"` but
-- behind a `\`, so that the first match is the key.
local number = A[u + 9]
if number > 0 then
  local record = ARGV[number]
  local _, behind = record:find('"totalTokens":%d+')
  ARGV[number] = record:sub(1, behind) .. format(',"costMicros":%.0f', cost) .. record:sub(behind + 1)
end
