-- What was admitted in a window, in parts; see `decide/parts.rs`.
local function add(a, b)
  a = a + b
  if a > MAX then return MAX end
  return a
end

local function less(a, b)
  if a > b then return a - b end
  return 0
end

-- Amounts of a unit.
local function of(unit, r, n, t)
  if unit == 0 then return r end
  if unit == 1 then return n end
  if unit == 2 then return t end
  return add(n, t)
end

local function new_window(window_ms, count)
  return { window_ms, max(1, floor(window_ms / count)), now, 0, 0, 0, {} }
end

-- A sum that is held at the largest number tells less than its parts, and is added up anew.
local function in_sum(w, r, n, t, r2, n2, t2)
  if w[4] + w[5] + w[6] + r2 + n2 + t2 < MAX then
    w[4], w[5], w[6] = w[4] - r + r2, w[5] - n + n2, w[6] - t + t2
  elseif w[4] == MAX or w[5] == MAX or w[6] == MAX then
    w[4], w[5], w[6] = 0, 0, 0
    local parts = w[7]
    for k = 1, #parts, 4 do
      w[4], w[5], w[6] = add(w[4], parts[k + 1]), add(w[5], parts[k + 2]), add(w[6], parts[k + 3])
    end
  else
    w[4], w[5], w[6] = add(less(w[4], r), r2), add(less(w[5], n), n2), add(less(w[6], t), t2)
  end
end

local function forget(w)
  local parts, gone, r, n, t = w[7], 0, 0, 0, 0
  while parts[gone + 1] and now >= (parts[gone + 1] + 1) * w[2] + w[1] do
    r, n, t = add(r, parts[gone + 2]), add(n, parts[gone + 3]), add(t, parts[gone + 4])
    gone = gone + 4
  end
  if gone == 0 then return end
  for k = 1, #parts do parts[k] = parts[k + gone] end
  in_sum(w, r, n, t, 0, 0, 0)
end

-- `number` is not less than that of any part. Far from the largest number there is nothing to hold: a call of a
-- function costs more than all the rest.
local function append(w, number, r, n, t)
  local parts = w[7]
  local k = #parts - 3
  if parts[k] == number and w[4] + w[5] + w[6] + r + n + t < MAX then
    parts[k + 1], parts[k + 2], parts[k + 3] = parts[k + 1] + r, parts[k + 2] + n, parts[k + 3] + t
    w[4], w[5], w[6] = w[4] + r, w[5] + n, w[6] + t
    return
  end
  if parts[k] == number then
    parts[k + 1], parts[k + 2], parts[k + 3] = add(parts[k + 1], r), add(parts[k + 2], n), add(parts[k + 3], t)
  else
    parts[k + 4], parts[k + 5], parts[k + 6], parts[k + 7] = number, r, n, t
  end
  w[4], w[5], w[6] = add(w[4], r), add(w[5], n), add(w[6], t)
end

-- Where the part with this number stands or would stand, and whether it is there.
local function find(parts, number)
  local low, high = 0, #parts / 4
  if high > 0 and parts[high * 4 - 3] == number then return high * 4 - 3, true end
  while low < high do
    local middle = floor((low + high) / 2)
    if parts[middle * 4 + 1] < number then low = middle + 1 else high = middle end
  end
  return low * 4 + 1, parts[low * 4 + 1] == number
end

local function insert(w, k, number, r, n, t)
  local parts = w[7]
  for j = #parts, k, -1 do parts[j + 4] = parts[j] end
  parts[k], parts[k + 1], parts[k + 2], parts[k + 3] = number, r, n, t
  w[4], w[5], w[6] = add(w[4], r), add(w[5], n), add(w[6], t)
end

-- In how many milliseconds so much has left that `amount` fits under `cap`.
local function fits_in(w, unit, amount, cap)
  local r, n, t, parts = w[4], w[5], w[6], w[7]
  for k = 1, #parts, 4 do
    r, n, t = less(r, parts[k + 1]), less(n, parts[k + 2]), less(t, parts[k + 3])
    if of(unit, r, n, t) + amount <= cap then return less((parts[k] + 1) * w[2] + w[1], now) end
  end
  return 0
end
