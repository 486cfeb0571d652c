-- From one range of ARGV for all periods to lists of their own.
if not H then
  H = { {}, {}, {} }
  for k = lo, hi do H[1][k - lo + 1], H[2][k - lo + 1], H[3][k - lo + 1] = ARGV[k], ARGV[k], ARGV[k] end
  lo, hi = 0, -1
end
