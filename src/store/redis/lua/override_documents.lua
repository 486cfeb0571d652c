#!lua flags=no-writes
--[[
Reads the documents of overrides.

KEYS  <period>:overrides:<id>, at most 1,000
Reply one document per key, or nothing where there is none
]]
return redis.call('MGET', unpack(KEYS))
