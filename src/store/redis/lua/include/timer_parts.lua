-- Parts of operations.
local function text_of(t, id)
  local text = t.text[id]
  if text == nil then text = call('HGET', t.texts, id) end
  return text
end

-- The fields of a text; none when it is gone or damaged.
local function fields_of(text)
  local is_read, fields = lua_pcall(cmsgpack.unpack, text or '')
  return is_read and type(fields) == 'table' and fields or {}
end

-- What names and owners list a timer as. The length keeps names apart that begin alike.
local function listed_as(term) return string.len(term) .. ':' .. term end

local function list_in(index, fields, id, is_listed)
  if type(fields[1]) == 'string' then index[1][listed_as(fields[1]) .. id] = is_listed end
  if type(fields[2]) == 'string' and fields[2] ~= '' then index[2][listed_as(fields[2]) .. id] = is_listed end
end

local function drop(t, id)
  if t == T then list_in(t.index, fields_of(text_of(t, id)), id, false) end
  t.text[id] = false
  put(t, id, false)
end

-- Writes what has changed, and forgets what is over beyond the bound, longest over first.
local function flush(t)
  while true do
    if #t.dirty > 0 then write(t) end
    if t.over <= t.most then return end
    local surplus = look_at_members(t, t.ended, call('ZRANGE', t.ended, 0, t.over - t.most - 1))
    for _, id in ipairs(surplus) do drop(t, id) end
    if #surplus == 0 then t.over = 0 end
  end
end

local function is_kept(t, r) return r[1] == 0 or min(MAX, r[3] + t.keep) > now end

-- A record that has not outlived its life.
local function present(t, id)
  local r = look(t, id)
  if r and r[1] ~= 0 and t.over > t.most then
    flush(t)
    r = look(t, id)
  end
  return r and is_kept(t, r) and r or nil
end

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

-- View of a timer: status, due, over since, holder, until, created, started, occurrence, nonce.
-- View of a delivery: dead 0|1, due, holder, until, created, attempts, timer, error, disabled 0|1.
local function view(t, r, disabled)
  out[o + 1], out[o + 2] = r[1], r[2]
  if t == T then o = o + 1 out[o + 2] = r[3] end
  out[o + 3], out[o + 4], out[o + 5], out[o + 6], out[o + 7], out[o + 8] = r[4], r[5], r[7], r[8], r[9], r[10]
  o = o + 8
  if t == D then o = o + 1 out[o] = disabled and 1 or 0 end
end

local function tell_text(t, id, text)
  texts[#texts + 1], wanted[#wanted + 1] = text or false, (t == T and 'T' or 'D') .. id
end

-- When anything can be claimed next; nil: never.
local function first_due()
  local first
  for _, key in ipairs({ T.due, T.claims, D.due, D.claims }) do
    local at = tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    if at and (not first or at < first) then first = at end
  end
  return first
end
local due_before, messages = A[4] == 1 and first_due() or nil, {}
