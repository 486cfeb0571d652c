-- What a view tells beside its numbers: bits, 1: until when (ms) it is paused; 2: money used, held, limit.
local has_cost = M or limits[p + 3]
out[o + 1], o = (paused and 1 or 0) + (has_cost and 2 or 0), o + 1
if paused then
  out[o + 1], o = paused, o + 1
end
if has_cost then
  out[o + 1], out[o + 2], out[o + 3], o = used[p + 3] or 0, held[p + 3] or 0, limits[p + 3] or -1, o + 3
end
