#!lua flags=allow-oom
--[[
Notes when reservations of orchestrators expire next; the soonest instant stays. A claimed entry
(half a millisecond, see expiring_claim) loses the mark, so that whoever claimed it cannot retire
it without having seen the reservation that is noted now.

KEYS  1 <prefix>:budget:expiring, a sorted set of orchestrators by next expiry (ms)
ARGV  pairs of: orchestrator (encoded), next expiry ms
Reply how many were noted
]]
local latest = 0
for k = 1, #ARGV, 2 do
  local score, expires = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[k]) or 'inf'), tonumber(ARGV[k + 1])
  latest = math.max(latest, expires)
  if expires < score then
    redis.call('ZADD', KEYS[1], expires, ARGV[k])
  elseif score % 1 ~= 0 then
    redis.call('ZADD', KEYS[1], math.floor(score), ARGV[k])
  end
end
--- @include index_life
return #ARGV / 2
