-- The index of a fleet that is gone ends a day after its last reservation.
local ends = math.min(latest + 86400000, 9007199254740991)
redis.call('PEXPIREAT', KEYS[1], ends, 'NX')
redis.call('PEXPIREAT', KEYS[1], ends, 'GT')
