#!lua flags=allow-oom
--[[
Applies N requests about one orchestrator, in order and in one step: reads everything once, decides
in plain arithmetic, writes everything once. `docs/semantics.md` says what is decided.

allow-oom: tokens that are gone must be counted and held ones given back when memory is full; what
a batch adds is small and bounded.

KEYS  1 state   2 limits   3 overrides   4-6 <period>:usage   7-9 <period>:reservations:total
      10 .. 9+R   <period>:reservations:<id>, the keys of one reservation side by side
      10+R calls:<client>   11+R pending   12+R .. 14+R <period>:metadata:history
      15+R requests:a   16+R requests:b       (when ARGV names request ids)
      <period>:cost:usage, three side by side  (when ARGV names the first)
      further ones: <period>:overrides:<id>, three side by side, found by their number
ARGV  1 one MessagePack array, A:
        1 sequence   2 retry 0|1   3 clock ms, 0 = the server's (the manual twin, for tests)
        4-12 per period: window start, turn, end (ms): the windows [start, turn) and [turn, end)
        13-15 configured limits (tokens, -1 = unlimited)   16 idempotency TTL ms
        17 late settle TTL ms   18 history limit   19 writes 0|1   20 R
        21 thresholds (fractions)   22 request ids   23 channel of events, '' = none
        24 "<client> <orchestrator>"   25 configured limits of money (micro-units; none: empty)
        26 number of the first key of money, 0 = nothing costs any; else each amount of tokens has one of money
        27 1 = only what is held may cost any: A[26] becomes 0 when no reservation holds money
        28.. operations: kind, size, deadline ms (0 = none), fields
      2.. records of the history, JSON
      The fields of each kind are named in include/op_*.lua; size counts all elements.
Reply one MessagePack array:
        1 sequence   2 status: 0 applied, 1 stale (now is in neither window; nothing was done)
        3 now ms   4 next expiry ms (0 = none)   5 n, then n x (member of pending, expires ms)
        then per operation: 0 and its fields | 1 deadline passed | 2 no such reservation
        | 3 request conflict | 4 too many overrides | 5 denied | 6 duplicate | 7 with transitions
        | 8 tracks one by one
State one MessagePack array, S, and where money was ever used since it was made another, M: used, held and
      level (fractions) per period
        1 version   2-11, 12-21, 22-31 per period: window start, window end, level, prompt,
        completion, cache read, cache write, reasoning, unattributed, open reservations
        32 next expiry ms   33 latest expiry ms   34 swept until ms   35 longest idempotency TTL ms
        36, 37 ends of requests:a and requests:b ms   38 end of the key's life ms
        39-41 tokens of models without a place, per period   42.. per model: name, tokens per period
]]
local lua_pcall = pcall
local call, pcall, format, match = redis.call, redis.pcall, string.format, string.match
local floor, min, max = math.floor, math.min, math.max
local MAX_TOKENS, MAX_LEVEL, MODEL_LIMIT, OTHER_MODELS, OVERRIDE_LIMIT = 9007199254740991, 1e9, 64, 38, 1000
local A = cmsgpack.unpack(ARGV[1])
local writes, records = A[19] == 1, A[20]
local CALLS, PENDING, HISTORY, REQUESTS = 10 + records, 11 + records, 11 + records, 14 + records
local out, o = { A[1], 0, 0, 0, 0 }, 5
local dirty = false
--- @include clock
--- @include load
--- @include expire
--- @include requests

local i, last = 28, #A
while i <= last do
  local kind, deadline = A[i], A[i + 2]
  if not limits and (kind <= 5 or kind == 8 or kind == 15) then
    --- @include limits
  end
  if deadline > 0 and deadline <= now then
    out[o + 1], o = 1, o + 1
  elseif kind <= 2 then
    --- @include op_record
  elseif kind == 3 then
    --- @include op_reserve
  elseif kind == 4 then
    --- @include op_check
  elseif kind == 5 then
    --- @include op_stats
  elseif kind == 6 then -- Sweep: 6, size, deadline. Expiry is done already.
    out[o + 1], o = 0, o + 1
  elseif kind <= 8 then
    --- @include op_limits
  elseif kind <= 11 then
    --- @include op_overrides
  elseif kind == 12 then
    --- @include op_reservations
  elseif kind == 13 then
    --- @include op_history
  elseif kind == 14 then
    --- @include op_thresholds
  elseif kind == 15 then
    --- @include op_tracks
  else
    --- @include op_pause
  end
  i = i + A[i + 1]
end
--- @include flush
--- @include next_expiry
local answer = cmsgpack.pack(out)
if not (writes and dirty) then return answer end
--- @include write_checked
--- @include write_state
--- @include write_rest
return answer
