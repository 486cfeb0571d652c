#!lua flags=allow-oom
--[[
Ends claims: forgets orchestrators without open reservations, and moves others to their next expiry.
Leaves one alone when something was noted, or somebody else claimed it, meanwhile.

KEYS  1 <prefix>:budget:expiring
ARGV  triples of: orchestrator (encoded), claimed score in whole ms, next expiry ms or 0 = none
Reply how many claims were ended
]]
local ended, latest = 0, 0
for k = 1, #ARGV, 3 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[k])
  if score and tonumber(score) == tonumber(ARGV[k + 1]) + 0.5 then
    ended = ended + 1
    if ARGV[k + 2] == '0' then
      redis.call('ZREM', KEYS[1], ARGV[k])
    else
      redis.call('ZADD', KEYS[1], ARGV[k + 2], ARGV[k])
      latest = math.max(latest, tonumber(ARGV[k + 2]))
    end
  end
end
--- @include index_life
return ended
