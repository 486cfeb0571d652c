#!lua flags=allow-oom
--[[
Applies N requests about one limiter, in order and in one step. `docs/semantics.md` says what is decided;
`src/domain/rate_limit/decide` decides the same for memory.

allow-oom: what was used must be counted and what is held given back when memory is full; what a batch adds is
small and bounded.

KEYS  1 state   2 permits   3 ends   4 line   5 agents   6 learned   7 calls:<client>
ARGV  1 one MessagePack array, A:
        1 sequence   2 retry 0|1   3 clock ms, 0 = the server's (the manual twin, for tests)   4 client
        5 channel of turns   6 encoded name of the limiter   7 cooldown ms   8 longest cooldown ms
        9 permit TTL ms   10 client lease ms   11 calls that may wait   12 writes 0|1
        13 configured terms, T: pause us, concurrency limit, ordinary (-1 = none), then per rule:
           unit 0-3, window ms, limit, ordinary
        14 ids of permits that the operations name   15 may let calls wait, or names shares 0|1
        16 names counters 0|1   17 how many of the ids, the first ones, should be known
        18.. operations: kind, size, deadline ms (0 = none), fields
      The fields of each kind are named in include/limit_op_*.lua; size counts all elements. Amounts are
      requests, input tokens, output tokens. Priorities: 0 critical, 1 normal, 2 low.
Reply one MessagePack array:
        1 sequence   2 clock ms   3 now ms   then per operation: 0 and its fields | 1 deadline passed
        then places of the client, poll in ms (-1 = need not), client whose turn it is ('' = nobody new),
        n, n x (id, admitted ms, expires ms) of places that became permits
      A reason is one number: kind + 8 x detail; 0 rule (its index), 1 concurrency, 2 pacing,
      3 remaining (unit), 4 cooldown, 5 probe, 6 line, 7 share.
State one MessagePack array, S:
        1 version   2 last now ms   3 life until ms   4 no lease ends before ms   5 arrivals   6 late permits
        7-9 amounts under way   10 paused until ms   11 hits   12 half open 0|1   13 last hit ms
        14 probe's id   15 next admission us   16 id of the last admission   17 next admission us before it
        18 id of the place whose turn was told   19 when it fits by that, ms   20 learned until ms
        21 open permits   22 places   23 numbers of agents ever given   24 terms set at run time, or false
        25 quotas, per unit: limit, lowest told, resets ms, seen ms   26 windows, W each   27 clients by name:
        lease until ms, permits, places, shares, gave any 0|1   28 has agents 0|1
        29 no permit expires or is forgotten before ms   30 last settle ms
        31 kind of the last burst of hits: 0 none, 1 rate, 2 quota   32 another may probe from ms
        33 when the pause was set ms   34 per unit, what was taken and may not be in the lowest told
        35 by client, the shares that ended with its lease: until ms, agents
      W: 1 window ms   2 width of a part ms   3 named ms   4-6 sums   7 parts: number, amounts, oldest first
Permits hash by id: 1 open | 2 late, admitted ms, expires ms, amounts, agent's number, client; or 3, member of line
Ends    sorted set of permits by expiry, of late ones by when they are forgotten
Line    sorted set; member: number of arrival (16 digits), then id, amounts, priority, client in MessagePack;
        score: slot of the agent x 2^44 + (critical 0, else 1) x 2^43 + arrival ms
Agents  one MessagePack array, the common pool first: number, slot, name, share, giver, permits, places,
        windows (as W, without 3)
]]
local call, format, sub, floor, fmod = redis.call, string.format, string.sub, math.floor, math.fmod
local min, max, pack, decode = math.min, math.max, cmsgpack.pack, cmsgpack.unpack
local MAX, WHOLE, SLOT, CLASS = 9007199254740991, 1000000, 17592186044416, 8796093022208
local PERMITS, ENDS, LINE, AGENTS, LEARNED = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local LATE_MS, LATE_MAX, HITS_MS, LEARNED_MS, LEARNED_MAX = 3600000, 4096, 3600000, 2592000000, 4096
local AGENTS_MAX, WINDOWS_KEPT, LOW_PENALTY_MS, HITS_MAX, PAUSE_MAX, PROBE_MIN = 64, 8, 60000, 30, CLASS, 1000
local BACK_MAX, LAPSED_MS, LAPSED_MAX = 10000, 86400000, 64
local A = decode(ARGV[1])
local client, lease_ms, writes = A[4], A[10], A[12] == 1
local out, o = { A[1], 0, 0 }, 3
--- @include limit_load
--- @include limit_parts
--- @include limit_clients
--- @include limit_agents
--- @include limit_permits
--- @include limit_line
--- @include limit_join
--- @include limit_pass
--- @include limit_windows
--- @include limit_admission
--- @include limit_admit
--- @include limit_signals

local i, last = 18, #A
while i <= last do
  local kind, deadline = A[i], A[i + 2]
  if deadline > 0 and deadline <= clock then
    out[o + 1], o = 1, o + 1
  else
    out[o + 1], o = 0, o + 1
    --- @include limit_operations
  end
  i = i + A[i + 1]
end
--- @include limit_turns
local answer = pack(out)
if writes or dirty then
  --- @include limit_write
end
return answer
