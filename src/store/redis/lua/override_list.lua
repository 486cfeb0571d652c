#!lua flags=no-writes
--[[
The live overrides, and the documents of those that are expected among them, at one moment.

KEYS  1 overrides   2.. <period>:overrides:<id>, those that are expected
ARGV  1 clock ms, 0 = the server's (the manual twin, for tests)
Reply one MessagePack array: n, n x (id, period 1-3, tokens, expires ms); then one document per
      further key, or nothing where there is none
]]
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local reply = redis.call('MGET', unpack(KEYS))
local index = reply[1] and select(2, cmsgpack.unpack(reply[1])) or {}
local live, n = { 0 }, 1
for k = 1, #index, 4 do
  if index[k + 3] > now then
    live[n + 1], live[n + 2], live[n + 3], live[n + 4] = index[k], index[k + 1], index[k + 2], index[k + 3]
    live[1], n = live[1] + 1, n + 4
  end
end
reply[1] = cmsgpack.pack(live)
return reply
