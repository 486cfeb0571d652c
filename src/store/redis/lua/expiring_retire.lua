#!lua flags=allow-oom
--[[
Ends claims: moves orchestrators to their next expiry. One that holds nothing is given a time of grace, marked by
a quarter of a millisecond, for some process may still rely on a note of its own (notes.rs); it is forgotten when it
holds nothing after that either. Leaves one alone when something was noted, or somebody else claimed it, meanwhile.

KEYS  1 <prefix>:budget:expiring
ARGV  triples of: orchestrator (encoded), claimed score in whole ms, next expiry ms or 0 = none
Reply how many claims were ended
]]
local MORE_GRACE_MS = 1000 -- beyond the lease: three seconds from the claim
local ended, latest = 0, 0
for k = 1, #ARGV, 3 do
  local score, claimed = redis.call('ZSCORE', KEYS[1], ARGV[k]), tonumber(ARGV[k + 1])
  local mark = score and tonumber(score) - claimed
  if mark == 0.5 or mark == 0.75 then
    ended = ended + 1
    if ARGV[k + 2] == '0' and mark == 0.75 then
      redis.call('ZREM', KEYS[1], ARGV[k])
    elseif ARGV[k + 2] == '0' then
      redis.call('ZADD', KEYS[1], claimed + MORE_GRACE_MS + 0.25, ARGV[k])
    else
      redis.call('ZADD', KEYS[1], ARGV[k + 2], ARGV[k])
      latest = math.max(latest, tonumber(ARGV[k + 2]))
    end
  end
end
--- @include index_life
return ended
