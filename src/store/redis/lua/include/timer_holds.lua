-- Who has a claim, and which endpoints nothing is sent to.
local function is_of(r, holder) return r[4] ~= '' and r[4] == holder end
local function is_free(r) return r[4] == '' or r[5] <= now end
local function unclaim(r) r[4], r[5], r[6] = '', 0, 0 end
local function claim(r, holder, lease) r[4], r[5], r[6] = holder, min(MAX, now + lease), lease end

-- When somebody last got or renewed a claim: read when it is first asked for.
local claimed_at, claimed_before
local function last_claim()
  if not claimed_at then
    claimed_before = tonumber(call('HGET', KEYS[1], 'claimed') or 0) or 0
    claimed_at = claimed_before
  end
  return claimed_at
end

local function is_disabled(text)
  local endpoint = fields_of(text)[1]
  return type(endpoint) == 'string' and call('ZSCORE', KEYS[19], endpoint) and true or false
end

-- Whether that is news. One too many makes the longest disabled forgotten.
local function disable(endpoint)
  if call('ZSCORE', KEYS[19], endpoint) then return false end
  call('ZADD', KEYS[19], now, endpoint)
  if call('ZCARD', KEYS[19]) > ENDPOINTS_MAX then call('ZPOPMIN', KEYS[19]) end
  changed = true
  return true
end

local function die(r) r[1], r[2], r[3] = 1, now, now unclaim(r) end
