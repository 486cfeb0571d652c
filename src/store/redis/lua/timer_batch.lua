#!lua flags=allow-oom
--[[
Applies N requests about one shard of timers, in order and in one step. `docs/semantics.md` says what is decided;
`src/domain/timers/decide` is the reference.

allow-oom: what is due must be fired, delivered and ended when memory is full. New timers are made by
`timer_create.lua`, which is the same but for this flag; here they are refused when A[7] says that memory is full.

KEYS  1 state   2 calls:<client>
      timers, T:      3 timers       4 texts              5 due              6 claims              7 ended
                      8 ids          9 ended:ids         10 names           11 owners
      deliveries, D: 12 deliveries  13 deliveries:texts  14 deliveries:due  15 deliveries:claims  16 deliveries:dead
                     17 deliveries:ids                   18 deliveries:dead:ids
      19 endpoints
ARGV  1 one MessagePack array, A:
        1 sequence   2 retry 0|1   3 clock ms, 0 = the server's (the manual twin, for tests)   4 writes 0|1
        5 life of an ended timer ms   6 life of a dead delivery ms   7 memory is full 0|1
        8 the shard, encoded   9 channel of news   10 channel of events
        11.. operations: kind, size, deadline ms (0 = none), fields
      2.. texts of deliveries and messages, which operations name by their number here
Texts are MessagePack arrays that clients write and read
        of a timer: name, owner, document, recurrence, fingerprint, nonce   of a delivery: endpoint, document
      behind that of a timer that has no record: due ms, created ms
      The fields of each kind are named in include/timer_*.lua; size counts all elements.
Reply an array: first one MessagePack array,
        1 sequence   2 clock ms   3 next due ms (-1 = never)
        then per operation: 0 and its fields | 1 deadline passed | 3 refused, why;
          or 4, once: the batch made new timers, and nothing else
        then what the texts are of, and how many there are
      then the texts, in the order in which the operations name them; nil where one is gone
State a hash: claimed = when somebody last got or renewed a claim ms, idle = 1 while nothing is due any more
Records, by id, are MessagePack arrays, r; a timer to which nothing has happened since it was made has none:
        1 0 scheduled, under way | 1 fired, dead | 2 cancelled   2 due ms   3 over since ms   4 holder   5 until ms
        6 lease ms   7 created ms   then
        of a timer: 8 started ms   9 occurrence   10 nonce   11 moved 0|1
        of a delivery: 8 attempts   9 timer   10 error
]]
--- @include timer_main
