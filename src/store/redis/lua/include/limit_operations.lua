-- One operation, by its kind. Those whose answer is "done" write nothing further.
if kind <= 2 then
  --- @include limit_op_ask
elseif kind == 3 then -- Poll: 3, size, deadline. Turns are taken after the batch.
elseif kind == 4 then
  --- @include limit_op_settle
elseif kind == 5 then
  --- @include limit_op_cancel
elseif kind == 6 then -- Observe: 6, size, deadline, signals (see limit_signals).
  observe(i + 3, A[i + 3])
elseif kind == 7 then -- SetTerms: 7, size, deadline, T (empty = the configured ones).
  S[24] = #A[i + 3] > 0 and A[i + 3]
  use_terms()
elseif kind == 8 then
  --- @include limit_op_allocate
elseif kind == 15 then
  --- @include limit_op_keep_shares
elseif kind == 9 then
  --- @include limit_op_handoff
elseif kind == 10 then -- Pause: 10, size, deadline, for ms (0 ends every pause, and forgets quotas).
  if A[i + 3] > 0 then
    S[31] = paused_by()
    pause_until(now + min(A[i + 3], PAUSE_MAX))
  else
    S[10], S[31] = 0, 0
    for k = 1, 16 do S[25][k] = 0 end
    S[34] = { 0, 0, 0, 0 }
    end_pauses()
  end
elseif kind == 11 then
  --- @include limit_op_view
elseif kind == 12 then
  --- @include limit_op_restore
else
  --- @include limit_op_learn
end
