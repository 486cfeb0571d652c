#!lua flags=allow-oom
--[[
Notes when reservations of orchestrators expire next; the soonest instant stays. A claimed entry
(see expiring_claim) loses the mark, so that whoever claimed it cannot retire
it without having seen the reservation that is noted now.

0 instead of an instant: nothing seems to be held any more. Another process may know better, so the entry
does not go, it is swept soon instead of at its instant: in GRACE_MS, marked by a quarter of a millisecond.
What is noted meanwhile puts that off. GRACE_MS is longer than a process relies on a note of its own (notes.rs).

KEYS  1 <prefix>:budget:expiring, a sorted set of orchestrators by next expiry (ms)
ARGV  1 clock ms, 0 = the server's (the manual twin, for tests)
      2.. pairs of: orchestrator (encoded), next expiry ms or 0
Reply how many were noted
]]
local GRACE_MS, QUARTER = 3000, 0.25
local now, latest = tonumber(ARGV[1]), 0
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
for k = 2, #ARGV, 2 do
  local score, expires = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[k]) or 'inf'), tonumber(ARGV[k + 1])
  local mark = score % 1
  latest = math.max(latest, expires)
  if expires == 0 then
    if mark == 0 and score > now + GRACE_MS then
      redis.call('ZADD', KEYS[1], now + GRACE_MS + QUARTER, ARGV[k])
    end
  elseif mark == QUARTER then
    redis.call('ZADD', KEYS[1], math.min(expires, now + GRACE_MS + QUARTER), ARGV[k])
  elseif expires < score then
    redis.call('ZADD', KEYS[1], expires, ARGV[k])
  elseif mark ~= 0 then
    redis.call('ZADD', KEYS[1], math.floor(score), ARGV[k])
  end
end
--- @include index_life
return (#ARGV - 1) / 2
