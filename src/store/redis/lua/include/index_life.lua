-- The index of a fleet that is gone ends a day after its last reservation, by the server's clock.
local ends = math.max(latest, redis.call('TIME')[1] * 1000) + 86400000
redis.call('PEXPIREAT', KEYS[1], math.min(ends, 9007199254740991), 'NX')
redis.call('PEXPIREAT', KEYS[1], math.min(ends, 9007199254740991), 'GT')
