#!lua flags=allow-oom
--[[
Applies N requests about one circuit breaker, in order and in one step: reads its state once, decides, writes it once.
`docs/semantics.md` says what is decided; `src/domain/breakers/decide` is the reference.

allow-oom: failures must be learned when memory is full; a breaker is small and bounded.

KEYS  1 state   2 calls:<client>
ARGV  1 one MessagePack array, A:
        1 sequence   2 retry 0|1   3 clock ms, 0 = the server's (the manual twin, for tests)   4 writes 0|1
        5 mode: 0 consecutive, 1 sampling   6 threshold: failures, or millionths of the calls
        7 least calls (sampling)   8 window ms (sampling, else 0)
        9 time it stays open ms   10 longest time ms   11 growth in thousandths   12 successes that close it
        13 time of a probe ms   14 channel for news   15 the breaker's encoded name
        16.. operations: kind, size, deadline ms (0 = none), fields
      The fields of each kind are named in include/breaker_*.lua; size counts all elements.
Reply one MessagePack array:
        1 sequence   2 clock ms
        then per operation: 0, granted 0|1, state before (-1 = no transition), and the view: state, failures,
          successes, opened at ms, open until ms, openings, probe until ms, version | 1 deadline passed
        States: 0 closed, 1 open, 2 half open.
News  `<encoded name> <view as JSON>`, when the version grew.
State one MessagePack array, S:
        1 format   2 last change ms   3 state   4 failures   5 by part of the window: begin ms, successes, failures
        6 latest reset a provider told ms   7 successful probes in a row   8 opened at ms   9 open until ms
        10 openings in a row   11 who probes ('' = nobody)   12 probe until ms   13 version   14 end of its life ms
]]
local lua_pcall, call, floor, min, max = pcall, redis.call, math.floor, math.min, math.max
local MAX, DAY, WEEK, HOUR, COUNT_MAX = 9007199254740991, 86400000, 604800000, 3600000, 200000000
local A = cmsgpack.unpack(ARGV[1])
--- @include breaker_load
--- @include breaker_window
--- @include breaker_enter
--- @include breaker_view

local version_before = S[13]
local i, last = 16, #A
while i <= last do
  local kind, deadline = A[i], A[i + 2]
  if deadline > 0 and deadline <= clock then
    out[o + 1], o = 1, o + 1
  else
    -- changed: 0 nothing, 1 something, 2 something that others need to hear of.
    local changed, granted, before = 0, 0, S[3]
    if kind == 2 then
      --- @include breaker_record
    elseif kind <= 4 then
      --- @include breaker_probe
    elseif kind <= 6 then
      --- @include breaker_force
    end
    --- @include breaker_changed
  end
  i = i + A[i + 1]
end
local answer = cmsgpack.pack(out)
if not dirty then
  if is_over then call('DEL', KEYS[1]) end
  return answer
end
--- @include breaker_write
return answer
