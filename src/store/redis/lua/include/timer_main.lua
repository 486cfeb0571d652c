local lua_pcall, call, floor, min, max = pcall, redis.call, math.floor, math.min, math.max
local type, pack, unpack_text, sub, length = type, cmsgpack.pack, cmsgpack.unpack, string.sub, string.len
local MAX, ENDED_MAX, DEAD_MAX, CLAIM_MAX, LOOKS_MAX = 9007199254740991, 100000, 10000, 500, 1000
local ENDPOINTS_MAX, CLOCK_SLACK, DISABLED = 1000, 1000, 'the endpoint is disabled'
local A = unpack_text(ARGV[1])
--- @include timer_load
--- @include timer_table
--- @include timer_flush
--- @include timer_parts
--- @include timer_holds
--- @include timer_views
--- @include timer_create_all

local i, last, writes = 11, #A, create_all()
if writes > 0 then
  i = last + 1
else
  --- @include timer_prefetch
end
while i <= last do
  local kind, deadline, id = A[i], A[i + 2], A[i + 3]
  local of = kind <= 7 and T or D
  if deadline > 0 and deadline <= now then
    out[o + 1], o = 1, o + 1
  elseif type(id) == 'string' and of.odd[id] then
    out[o + 1], out[o + 2], o = 3, 'ERR ' .. of.key .. ' holds a damaged record', o + 2
  else
    if kind ~= 2 and kind ~= 5 and kind ~= 12 and kind ~= 16 then writes = writes + 1 end
    if kind == 1 then
      --- @include timer_new
    elseif kind <= 4 then
      --- @include timer_change
    elseif kind == 5 then
      --- @include timer_list
    elseif kind == 6 then
      --- @include timer_claim
    elseif kind == 7 then
      --- @include timer_fired
    elseif kind <= 9 then
      --- @include timer_keep
    elseif kind == 12 then
      --- @include timer_deliveries
    elseif kind <= 14 then
      --- @include timer_attempt
    else
      --- @include timer_rest
    end
  end
  i = i + A[i + 1]
end
--- @include timer_end
