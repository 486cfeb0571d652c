import { TokenBudgetError, TokenBudgetTracker } from '@wundr.io/token-budget';

function refusal(config: unknown): TokenBudgetError {
  try {
    void new TokenBudgetTracker(config as never).close();
  } catch (error) {
    expect(error).toBeInstanceOf(TokenBudgetError);
    return error as TokenBudgetError;
  }
  throw new Error('expected the configuration to be refused');
}

describe('a configuration that cannot work names its field', () => {
  const thresholds = (...values: unknown[]) => ({ thresholds: values });
  const redis = (options: object) => ({ redis: options });
  test.each<[string, unknown]>([
    ['config', null],
    ['config', 'redis://localhost'],
    ['config', []],
    ['defaultBudget', { defaultBudget: 5 }],
    ['defaultBudget.hourly', { defaultBudget: { hourly: -1 } }],
    ['defaultBudget.daily', { defaultBudget: { daily: null } }],
    ['defaultBudget.monthly', { defaultBudget: { monthly: Infinity } }],
    ['defaultBudgets', { defaultBudgets: { hourly: 5 } }],
    ['redis.hosst', { redis: { hosst: 'x' } }],
    ['orchestratorBudgets', { orchestratorBudgets: new Map() }],
    ['thresholds[1]', { thresholds: [0.5, 0.5000000000000001] }],
    ['defaultBudget.hourley', { defaultBudget: { hourley: 5 } }],
    ['orchestratorBudgets', { orchestratorBudgets: [] }],
    ['orchestratorBudgets["a"].hourly', { orchestratorBudgets: { a: { hourly: '5' } } }],
    ['orchestratorBudgets[""]', { orchestratorBudgets: { '': {} } }],
    ['thresholds', { thresholds: 0.5 }],
    ['thresholds[0]', thresholds(0)],
    ['thresholds[0]', thresholds(Number.NaN)],
    ['thresholds[1]', thresholds(0.5, 0.5)],
    ['thresholds[1]', thresholds(0.9, 0.5)],
    ['thresholds[0]', thresholds(1000.5)],
    ['thresholds[0]', thresholds('0.5')],
    ['reservationTTL', { reservationTTL: 0 }],
    ['reservationTTL', { reservationTTL: 1.5 }],
    ['enableOverrides', { enableOverrides: 'yes' }],
    ['timeZone', { timeZone: 'Mars/Olympus' }],
    ['timeZone', { timeZone: '' }],
    ['idempotencyTTL', { idempotencyTTL: -1 }],
    ['lateSettleTTL', { lateSettleTTL: Number.NaN }],
    ['historyLimit', { historyLimit: -1 }],
    ['settle', { settle: 'both' }],
    ['broadcast', { broadcast: 1 }],
    ['onStoreError', { onStoreError: 'ignore' }],
    ['commandTimeout', { commandTimeout: 0 }],
    ['connectTimeout', { connectTimeout: 2 ** 31 }],
    ['spoolLimit', { spoolLimit: -1 }],
    ['maxPending', { maxPending: 0 }],
    ['clock', { clock: 5 }],
    ['memory.name', { memory: { name: '' } }],
    ['memory', { memory: {}, redis: {} }],
    ['clock', { clock: Date.now, redis: {} }],
    ['redis', { redis: 'redis://localhost' }],
    ['redis.host', redis({ host: '' })],
    ['redis.port', redis({ port: 0 })],
    ['redis.port', redis({ port: '6379' })],
    ['redis.port', redis({ port: 65_536 })],
    ['redis.db', redis({ db: -1 })],
    ['redis.db', redis({ db: 1, cluster: true })],
    ['redis.password', redis({ password: 5 })],
    ['redis.keyPrefix', redis({ keyPrefix: 5 })],
    ['redis.keyPrefix', redis({ keyPrefix: 'a{b}', cluster: true })],
    ['redis.url', redis({ url: 'http://localhost' })],
    ['redis.url', redis({ url: 'localhost:6379' })],
    ['redis.url', redis({ url: 'redis://localhost/zero' })],
    ['redis.url', redis({ url: 'redis://:%ff@localhost' })],
    ['redis.ioThread', redis({ ioThread: 1 })],
    ['redis.busyPollMicros', redis({ busyPollMicros: -1 })],
    ['redis.busyPollMicros', redis({ busyPollMicros: 1.5 })],
    ['redis.busyPollMicros', redis({ busyPollMicros: 1001 })],
    ['redis.tls', redis({ tls: 'yes' })],
    ['redis.tls.ca', redis({ tls: { ca: 'no pem' } })],
    ['redis.tls.key', redis({ tls: { cert: '-----BEGIN CERTIFICATE-----' } })],
    ['redis.tls.rejectUnauthorized', redis({ tls: { rejectUnauthorized: 0 } })],
    ['redis.sentinels', redis({ sentinels: [], name: 'primary' })],
    ['redis.sentinels[0].host', redis({ sentinels: [{}], name: 'primary' })],
    ['redis.name', redis({ sentinels: [{ host: 'a' }] })],
    ['redis.cluster', redis({ cluster: false })],
    ['redis.cluster[1].port', redis({ cluster: [{ host: 'a' }, { host: 'b', port: -1 }] })],
    ['redis.cluster', redis({ cluster: true, sentinels: [{ host: 'a' }], name: 'primary' })],
  ])('%s of %j', (field, config) => {
    const error = refusal(config);
    expect(error).toMatchObject({ code: 'INVALID_CONFIG', field, name: 'TokenBudgetError' });
    expect(error.message).toMatch(new RegExp(`^${field.replace(/[.[\]"]/g, '\\$&')}: expected `));
  });

  test('a password never gets into a message', () => {
    const secret = 'hunter2';
    for (const redis of [
      { url: `redis://user:${secret}@localhost/zero` },
      { url: `${secret}://localhost:1`.replace('hunter2:', 'http:') + secret },
      { url: `redis://:${secret}%ff@localhost` },
      { tls: { ca: secret } },
      { password: { secret } },
    ]) {
      expect(refusal({ redis }).message).not.toContain(secret);
    }
  });

  test('a getter that throws is told with its cause', () => {
    const cause = new Error('inside');
    const error = refusal({
      get reservationTTL() {
        throw cause;
      },
    });
    expect(error).toMatchObject({ code: 'INVALID_CONFIG', field: 'reservationTTL', cause });
  });
});

test.each<[string, object | undefined]>([
  ['nothing', undefined],
  ['an empty object', {}],
  ['an object without a prototype', Object.assign(Object.create(null), { defaultBudget: { hourly: 5 } })],
  ['undefined members', { defaultBudget: undefined, thresholds: undefined, redis: undefined }],
  ['no thresholds', { thresholds: [] }],
  ['frozen thresholds', { thresholds: Object.freeze([0.1, 2]) }],
])('%s is a configuration', async (_, config) => {
  await new TokenBudgetTracker(config).close();
});
