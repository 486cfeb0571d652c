-- Nobody knows what `total` tokens cost: their share of the money that was held, ceil(money * total / tokens).
-- Exact, though the product has up to 106 bits: where it is no exact number it is divided bit by bit, and nothing
-- on the way passes 2^53. A result that does is MAX_TOKENS.
local money, tokens = R_cost[slot], R_tokens[slot]
if tokens == 0 then
  cost = money
elseif money * total <= MAX_TOKENS then
  local rest = money * total % tokens
  cost = (money * total - rest) / tokens + (rest > 0 and 1 or 0)
else
  local rest, bit, bits_left = money % tokens, 0, total
  local whole, quotient, remainder = (money - rest) / tokens, 0, 0
  for power = 52, 0, -1 do
    bit = 2 ^ power
    quotient = quotient * 2
    if remainder >= tokens - remainder then
      remainder, quotient = remainder - (tokens - remainder), quotient + 1
    else
      remainder = remainder * 2
    end
    if bits_left >= bit then
      bits_left = bits_left - bit
      if remainder >= tokens - rest then
        remainder, quotient = remainder - (tokens - rest), quotient + 1
      else
        remainder = remainder + rest
      end
    end
  end
  cost = min(MAX_TOKENS, whole * total + quotient + (remainder > 0 and 1 or 0))
end
