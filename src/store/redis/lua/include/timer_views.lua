-- What is told.
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
