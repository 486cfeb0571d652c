-- What a view tells beside its numbers, as bits: 0, or 1 and until when (ms) it is paused.
out[o + 1], o = paused and 1 or 0, o + 1
if paused then
  out[o + 1], o = paused, o + 1
end
