-- k: the number of a token, r: one resource of its account.
-- The account of a token, false where nothing is known: unpacked when it is first looked at.
local function look(k)
  local name = account_of[k]
  local account = opened[name]
  if account == nil then
    account = packed[name] and unpacked(packed[name]) or false
    opened[name] = account
  end
  return account
end

local function is_valid(k)
  local seen = invalid[tokens[k]]
  return not seen or seen + WEEK <= now
end

-- Requests of a quota that are not taken. In steps, so that every product is exact.
local function held_back(r)
  if A[5] >= 0 then return A[5] end
  return floor(r[1] / 1000000) * A[6] + floor(r[1] % 1000000 * A[6] / 1000000)
end

-- What may still be taken before the reset.
local function left_of(r) return max(0, r[2] - r[15]) end

-- Whether a pick would begin a window: the last one is over, and the limit is known.
local function is_to_be_assumed(r) return now >= r[3] and r[1] > 0 and now < r[8] end

-- When a window that a pick would begin leaves more than the reserve: `now` when it does now, or none would begin.
local function window_free_at(r)
  if not is_to_be_assumed(r) then return now end
  local room, u = r[1] - held_back(r), r[9]
  if room <= 0 then return r[8] end
  local total, at = under_way(u), now
  for k = 1, #u, 2 do
    if total < room then break end
    if u[k] > now then total, at = total - u[k + 1], u[k] end
  end
  return at
end

-- When a request can be sent: `now` when it can be sent now. Second: the resource, where it is known.
local function free_at(k, name)
  local account = look(k)
  if not account then return now end
  local at, r = max(now, account[1]), account[5][name]
  if not r then return at end
  at = max(at, r[5])
  if now >= r[3] then return max(at, window_free_at(r)), r end
  if left_of(r) <= held_back(r) then at = max(at, r[3]) end
  return at, r
end

-- The account and the resource, to be changed; afterwards see `prolong`. One resource too many is not remembered.
local function open(k, name)
  local account = look(k)
  if not account or account[4] <= now then
    account = { 0, 0, 0, 0, {}, 0 }
    opened[account_of[k]] = account
  end
  changed[account_of[k]] = account
  local resources = account[5]
  local r = resources[name]
  if not r or r[8] <= now then
    r = { 0, 0, 0, 0, 0, 0, 0, 0, {}, 0, 0, 0, 0, 0, 0 }
    resources[name] = nil
    local count = 0
    for other, state in pairs(resources) do
      if state[8] <= now then resources[other] = nil else count = count + 1 end
    end
    if count < RESOURCES_MAX then resources[name] = r end
  end
  return account, r
end

local function prolong(account, r)
  local u = r[9]
  r[8] = max(r[8], min(MAX, max(now, r[5], r[3], u[#u - 1] or 0) + WEEK))
  account[4] = max(account[4], r[8], min(MAX, account[1] + WEEK))
  dirty = true
end
