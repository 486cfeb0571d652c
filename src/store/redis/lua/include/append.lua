-- Appends the records ARGV[first] to ARGV[last] to the history of every period.
if lo == 0 and not H then
  lo, hi = first, last
elseif first == hi + 1 then
  hi = last
else
  --- @include spread
  for k = first, last do
    for p = 1, 3 do H[p][#H[p] + 1] = ARGV[k] end
  end
end
