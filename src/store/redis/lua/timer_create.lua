#!lua
-- As `timer_batch.lua`, which describes it; the server does not begin it when memory is full.
--- @include timer_main
