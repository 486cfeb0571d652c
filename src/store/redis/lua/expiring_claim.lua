#!lua flags=allow-oom
--[[
Hands out orchestrators with a reservation that expired, and moves each LEASE_MS ahead, so that one
process of many sweeps it, and another one does when that process dies. Half a millisecond marks
a claim; three quarters one of an entry whose time of grace is over (a quarter, see expiring_note), which the end of
the claim may take out.

KEYS  1 <prefix>:budget:expiring
ARGV  1 how many at most   2 clock ms, 0 = the server's (the manual twin, for tests)
Reply now ms, claimed score in whole ms, then the orchestrators (encoded)
]]
local LEASE_MS = 2000
local now = tonumber(ARGV[2])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local reply = { now, now + LEASE_MS }
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for k = 1, #due, 2 do
  local mark = tonumber(due[k + 1]) % 1
  redis.call('ZADD', KEYS[1], now + LEASE_MS + ((mark == 0.25 or mark == 0.75) and 0.75 or 0.5), due[k])
  reply[#reply + 1] = due[k]
end
return reply
