-- Requests that were picked and not reported: u holds the end (ms) and the count of each part, soonest first.
local function part_end(picked)
  local width = max(1, floor(A[9] / 16))
  return min(MAX, picked - picked % width + min(MAX, width + A[9]))
end

local function under_way(u)
  local total = 0
  for at = 1, #u, 2 do
    if u[at] > now then total = total + u[at + 1] end
  end
  return total
end

local function begin_request(u)
  while u[1] and u[1] <= now do
    table.remove(u, 1)
    table.remove(u, 1)
  end
  local ends, at = part_end(now), 1
  while u[at] and u[at] < ends do at = at + 2 end
  if u[at] == ends then
    u[at + 1] = u[at + 1] + 1
  elseif #u >= 128 then
    u[#u] = u[#u] + 1
  else
    table.insert(u, at, 1)
    table.insert(u, at, ends)
  end
end

-- Whether one is known. What has ended unreported is not.
local function end_request(u, picked)
  local ends = part_end(picked)
  for at = 1, ends > now and #u or 0, 2 do
    if u[at] == ends then
      u[at + 1] = u[at + 1] - 1
      if u[at + 1] == 0 then
        table.remove(u, at)
        table.remove(u, at)
      end
      return true
    end
  end
  return false
end
