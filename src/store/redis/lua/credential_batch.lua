#!lua flags=allow-oom
--[[
Applies N requests about one pool of credentials, in order and in one step: reads everything once, decides, writes
everything once. `docs/semantics.md` says what is decided; `src/domain/credentials/decide` is the reference.

allow-oom: what became of requests must be learned when memory is full; what a batch adds is small and bounded.

KEYS  1 state   2 calls:<client>   3 kept
ARGV  1 one MessagePack array, A:
        1 sequence   2 retry 0|1   3 clock ms, 0 = the server's (the manual twin, for tests)   4 writes 0|1
        5 reserve: requests, -1 = a share   6 reserve: share of the limit in millionths
        7 cooldown ms   8 longest cooldown ms   9 life of a request ms   10 looks at kept 0|1
        11 the policy: fingerprint, account, weight of each token, one after the other
        12.. operations: kind, size, deadline ms (0 = none), fields
      The fields of each kind are named in include/pool_*.lua; size counts all elements. Fingerprints, accounts
      and resources are led by `=`, so that none looks like the number of an element; those of kept are not.
Reply one MessagePack array:
        1 sequence   2 clock ms   3 now ms, which goes back only when the clock was wrong
        then per operation: 0 and its fields | 1 deadline passed | 2 exhausted and its fields
State one MessagePack array, S:
        1 version   2 last change ms   3 by resource: token in use, end ms
        4 by invalid token: when a policy was last seen to name it, ms
        5 by account, each packed by itself: 1 pause until ms, 2 hits, 3 last hit ms, 4 end ms, 6 pause told at ms,
          5 by resource:
          1 limit, 2 lowest told, 3 resets at ms, 4 seen at ms, 5 pause until ms, 6 hits, 7 last hit ms, 8 end ms,
          9 requests under way: end ms, count, and so on, soonest first, 10 last report ms,
          11 first pick of an assumed window ms (0 = not assumed), 12 reports since, 13 pause told at ms,
          14 reset moved ms, by numbers that do not count as seen,
          15 what was taken and may not be in the lowest told
        6 when to forget again ms   7 end of the key's life ms
]]
local lua_pcall, call, floor, min, max = pcall, redis.call, math.floor, math.min, math.max
local MAX, DAY, WEEK, RESOURCES_MAX, KEPT_MAX = 9007199254740991, 86400000, 604800000, 64, 10000
local A = cmsgpack.unpack(ARGV[1])
--- @include pool_load
--- @include pool_account
--- @include pool_pause

local i, last = 12, #A
while i <= last do
  local kind, deadline = A[i], A[i + 2]
  if deadline > 0 and deadline <= clock then
    out[o + 1], o = 1, o + 1
  elseif kind == 1 then
    --- @include pool_pick
  elseif kind == 2 then
    --- @include pool_report
  elseif kind == 3 then
    --- @include pool_return
  elseif kind == 4 then
    --- @include pool_valid
  elseif kind <= 6 then
    --- @include pool_view
  else
    --- @include pool_kept
  end
  i = i + A[i + 1]
end
local answer = cmsgpack.pack(out)
if not dirty then return answer end
--- @include pool_write
return answer
