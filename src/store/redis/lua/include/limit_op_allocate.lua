-- Allocate: 8, size, deadline, agent, share in millionths. Out: done 0|1.
local done = allocate(A[i + 3], A[i + 4])
out[o + 1], o = done and 1 or 0, o + 1
