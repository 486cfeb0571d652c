#!lua flags=allow-oom
--[[
Ends a claim: forgets an orchestrator without open reservations, or moves it to its next expiry.
Does nothing when something was noted, or somebody else claimed it, meanwhile.

KEYS  1 <prefix>:budget:expiring
ARGV  1 orchestrator (encoded)   2 claimed score in whole ms   3 next expiry ms, 0 = none
Reply 1 when the claim was ended, else 0
]]
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) + 0.5 then return 0 end
if ARGV[3] == '0' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
  local latest = tonumber(ARGV[3])
  --- @include index_life
end
return 1
