#!lua flags=allow-oom
--[[
Hands out orchestrators with a reservation that expired, and moves each LEASE_MS ahead, so that one
process of many sweeps it, and another one does when that process dies. The half millisecond marks
a claim.

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
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for k = 1, #due do
  redis.call('ZADD', KEYS[1], now + LEASE_MS + 0.5, due[k])
  reply[k + 2] = due[k]
end
return reply
