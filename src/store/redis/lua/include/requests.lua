-- seen: per request id of A[22], the numbers it is known with, or false. Two buckets take turns
-- every TTL, the longest that any tracker asked for; the time in the value decides, so both are always
-- looked at.
local seen, fresh, requests_bucket, bucket_found = false, false, 0, false
local ids = A[22]
if #ids > 0 then
  seen = {}
  S[35] = max(S[35], 1, A[16])
  requests_bucket = floor(now / S[35]) % 2
  for from = 1, #ids, 1000 do
    for bucket = REQUESTS + 1, REQUESTS + 2 do
      local values = call('HMGET', KEYS[bucket], unpack(ids, from, min(from + 999, #ids)))
      for k = 1, #values do
        if values[k] then
          bucket_found = bucket_found or bucket == REQUESTS + 1 + requests_bucket
          local numbers, at = match(values[k], '^(.*)@(%d+)$')
          if at and now - tonumber(at) < A[16] then seen[from + k - 1] = numbers end
        end
      end
    end
  end
end
-- What the operations share. lo, hi: the records to append to every history, a range of ARGV; H: lists
-- per period instead, from when a usage counts in some periods only. macc: tokens to add per model. a*: parts to add in every period.
-- limits_text, pause_text: limits set at run time; until ms (0 = until resumed), since ms and document of a pause.
local limits, base, over, limits_text, pause_text, paused = false, false, false, stored[2], false, false
if limits_text then
  local at = string.find(limits_text, '!', 1, true)
  if at then
    pause_text, limits_text = limits_text:sub(at + 1), at > 1 and limits_text:sub(1, at - 1)
  end
end
local late_ttl, thresholds = A[17], A[21]
-- Tables are made where they are first needed: each costs as much as ten additions.
local limits_changed, over_changed, over_live, cold = false, false, false, false
local lo, hi, H = 0, -1, false
local model_index, macc, counted = false, false, false
local a1, a2, a3, a4, a5, a6 = 0, 0, 0, 0, 0, 0
local R_state, R_tokens, R_created, R_expires, R_member = false, false, false, false, false
local R_cost = false -- money held beside the tokens
local R_new, R_drop, R_copies, removed, removed_count = false, false, false, false, 0
if records > 0 then
  R_state, R_tokens, R_created, R_expires, R_member = {}, {}, {}, {}, {}
  R_new, R_drop, R_copies, removed = {}, {}, {}, {}
end
local announce = false
