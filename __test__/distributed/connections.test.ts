/** Ways to reach a server: addresses, passwords, databases, TLS, and no more rights than needed. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type BudgetConfig, type RedisOptions, TokenBudgetTracker } from '@wundr.io/token-budget';
import { TokenManager } from '@wundr.io/token-budget/credentials';
import { RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import { startCluster } from '../support/cluster';
import { type RedisServer, startRedis } from '../support/redis';
import { startSentinelTrio } from '../support/sentinel';
import { eventually, HOST } from '../support/system';

const open: TokenBudgetTracker[] = [];

function tracker(redis: RedisOptions, config: BudgetConfig = {}): TokenBudgetTracker {
  const made = new TokenBudgetTracker({
    defaultBudget: { hourly: 1000 },
    connectTimeout: 5000,
    commandTimeout: 5000,
    ...config,
    redis,
  });
  open.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map(one => one.close({ timeout: 1000 })));
});

const used = (orchestratorId: string, totalTokens: number) => ({
  orchestratorId,
  sessionId: 's',
  timestamp: new Date(),
  promptTokens: 0,
  completionTokens: 0,
  totalTokens,
  model: 'm',
});

async function works(subject: TokenBudgetTracker, orchestratorId = 'orch'): Promise<void> {
  const { reservationId = '', success } = await subject.reserveTokens(orchestratorId, 10, 'all');
  expect(success).toBe(true);
  await subject.releaseReservation(reservationId, 7);
  expect(await subject.healthCheck()).toBe(true);
}

describe('a server with users, a password and databases', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis({ password: 'p@ss:word/1' });
    await server.command('ACL', 'SETUSER', 'agent', 'on', '>s3cr%t', '~*', '&*', '+@all');
  });
  afterAll(() => server.stop());

  const encoded = encodeURIComponent('p@ss:word/1');
  const at = () => ({ host: HOST, port: server.port });

  test.each<[string, () => RedisOptions]>([
    ['password', () => ({ ...at(), password: 'p@ss:word/1' })],
    ['username and password', () => ({ ...at(), username: 'agent', password: 's3cr%t' })],
    ['url with a password', () => ({ url: `redis://:${encoded}@${HOST}:${server.port}` })],
    ['url with a user', () => ({ url: `redis://agent:s3cr%25t@${HOST}:${server.port}/0` })],
    [
      'url with a field that wins',
      () => ({ url: `redis://:wrong@${HOST}:${server.port}`, password: 'p@ss:word/1' }),
    ],
    ['url with a host that another wins over', () => ({ url: `redis://:${encoded}@nowhere:1`, ...at() })],
  ])('%s', async (_name, redis) => {
    await works(tracker(redis()));
  });

  test.each<[string, () => RedisOptions]>([
    ['db', () => ({ ...at(), password: 'p@ss:word/1', db: 5 })],
    ['url with a db', () => ({ url: `redis://:${encoded}@${HOST}:${server.port}/5` })],
  ])('%s: state is there and nowhere else', async (_name, redis) => {
    const keyPrefix = `db-${_name.length}`;
    await works(tracker({ ...redis(), keyPrefix }));
    const keyspace = String(await server.command('INFO', 'keyspace'));
    expect(keyspace).toContain('db5:');
    expect(await server.command('EXISTS', `${keyPrefix}:budget:orch:hourly:usage`)).toBe(0);
  });

  test('a wrong password is told, without the password', async () => {
    const subject = tracker({ ...at(), password: 'not-the-password' }, { connectTimeout: 500 });
    const reasons: string[] = [];
    subject.on('store:disconnected', ({ reason }) => reasons.push(reason));
    await expect(subject.ready({ timeout: 500 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(subject.checkBudget('orch', 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(reasons.join()).toMatch(/WRONGPASS|password/i);
    expect(reasons.join()).not.toContain('not-the-password');
  });
});

describe('TLS', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis({ tls: true, password: 'secret' });
  });
  afterAll(() => server.stop());

  const pem = () => server.certificates as NonNullable<RedisServer['certificates']>;

  test.each<[string, () => RedisOptions]>([
    ['an authority as text', () => ({ host: HOST, tls: { ca: pem().ca } })],
    ['an authority as bytes', () => ({ host: HOST, tls: { ca: [Buffer.from(pem().ca)] } })],
    ['a name instead of an address', () => ({ host: 'localhost', tls: { ca: pem().ca } })],
    [
      'a certificate of the client',
      () => ({ host: HOST, tls: { ca: pem().ca, cert: pem().cert, key: pem().key } }),
    ],
    ['any certificate', () => ({ host: HOST, tls: { rejectUnauthorized: false } })],
    ['rediss: and an authority', () => ({ url: `rediss://${HOST}:${server.port}`, tls: { ca: pem().ca } })],
  ])('%s', async (_name, redis) => {
    await works(tracker({ port: server.port, password: 'secret', ...redis() }));
  });

  test.each<[string, () => RedisOptions]>([
    ['an unknown authority', () => ({ tls: true })],
    ['no TLS at all', () => ({})],
  ])('%s is refused', async (_name, redis) => {
    const subject = tracker(
      { host: HOST, port: server.port, password: 'secret', ...redis() },
      { connectTimeout: 500 },
    );
    await expect(subject.ready({ timeout: 500 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('least privileges', () => {
  /** The line of docs/redis.md, for this prefix and password, and what a topology adds. */
  function documentedRights(prefix: string, password: string, ...more: string[]): string[] {
    const text = readFileSync(resolve(__dirname, '../../docs/redis.md'), 'utf8');
    const line = /^ACL SETUSER budget (.*)$/m.exec(text)?.[1] ?? '';
    const words = line.replaceAll('<prefix>', prefix).replaceAll('<password>', password).split(' ');
    return ['ACL', 'SETUSER', 'budget', ...words, ...more];
  }

  test('the line names every command of the scripts', () => {
    const folder = resolve(__dirname, '../../src/store/redis/lua');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
      name.endsWith('.lua'),
    );
    const text = files.map(name => readFileSync(resolve(folder, name), 'utf8')).join('\n');
    const asked = [...text.matchAll(/\b(?:p?call|write)\(\s*'([A-Z]+)'/g)].map(([, name]) =>
      name?.toLowerCase(),
    );
    expect(new Set(asked).size).toBeGreaterThan(30);
    const rights = documentedRights('p', 'pass');
    expect([...new Set(asked)].filter(name => !rights.includes(`+${name}`))).toEqual([]);
  });

  async function allow(server: RedisServer, ...more: string[]) {
    const [name = '', ...args] = documentedRights('mine', 'pass', ...more);
    expect(await server.command(name, ...args)).toBe('OK');
  }

  const credentials = { username: 'budget', password: 'pass', keyPrefix: 'mine' };

  /** Everything the package does, expiry and broadcast included. */
  async function everything(redis: RedisOptions): Promise<void> {
    const [subject, hearer] = [tracker(redis, { broadcast: true }), tracker(redis, { broadcast: true })];
    const warnings: unknown[] = [];
    const heard: unknown[] = [];
    subject.on('store:warning', warning => warnings.push(warning));
    hearer.on('threshold:50', event => heard.push(event));
    await Promise.all([subject.ready(), hearer.ready()]);
    await works(subject, 'all');
    await subject.trackUsage({ ...used('all', 5), requestId: 'r' });
    await subject.trackUsage({ ...used('all', 5), requestId: 'r' });
    await subject.setBudget('all', { hourly: 500 });
    await subject.setBudgetOverride({
      id: 'o',
      orchestratorId: 'all',
      period: 'hourly',
      additionalTokens: 1,
      reason: '',
      createdBy: '',
      expiresAt: new Date(Date.now() + 60_000),
    });
    expect(await subject.listOverrides('all')).toHaveLength(1);
    expect(await subject.getBudget('all')).toMatchObject({ effective: { hourly: 501 } });
    expect(await subject.removeOverride('all', 'o')).toBe(true);
    expect(await subject.getUsageHistory('all')).toHaveLength(2);
    // Told by whoever finds it.
    const expired = new Promise(done => {
      for (const one of [subject, hearer]) one.once('reservation:expired', done);
    });
    await subject.reserveTokens('all', 1, 'hourly', { ttl: 50 });
    expect(await subject.listReservations('all')).toHaveLength(1);
    await expired;
    await eventually('a threshold that another process crossed', async () => {
      await subject.clearThresholdCache('all');
      await subject.trackUsage(used('all', 300));
      return heard.length > 0 || undefined;
    });
    expect((await subject.getUsageStats('all')).topModels.length).toBeGreaterThan(0);
    await subject.setBudget('all', null);
    expect(warnings).toEqual([]);
  }

  /** Everything a limiter does. */
  async function everyLimit(redis: RedisOptions): Promise<void> {
    const limits = { concurrent: 2, rpm: 1000 };
    const config = { limits, safety: { margin: 0 }, pacing: false, clientLease: 300, redis };
    const [one, two] = [new RateLimitManager(config), new RateLimitManager(config)];
    try {
      const warnings: unknown[] = [];
      one.on('store:warning', warning => warnings.push(warning));
      await Promise.all([one.ready(), two.ready()]);
      expect(await one.allocate('agent', 0.4)).toBe(true);
      const first = await one.acquire({ agent: 'agent', model: 'm', maxOutputTokens: 5 });
      const second = await one.acquire();
      const waits = [two.acquire({ agent: 'agent' }), two.acquire({ priority: 'low' })];
      await eventually('both wait', async () => (await one.getStatus()).waiting === 2 || undefined);
      expect(await one.handoff('agent', 'other')).toBe(true);
      await first.settle({
        inputTokens: 1,
        outputTokens: 2,
        headers: { 'x-ratelimit-remaining-requests': '9' },
      });
      await second.cancel();
      for (const permit of await Promise.all(waits)) await permit.cancel();
      await one.setLimits({ rpm: 500 });
      await one.pause(1);
      await one.resume();
      expect((await one.canMakeRequest()).allowed).toBe(true);
      const state = await one.saveState();
      expect(state.learned.length).toBeGreaterThan(0);
      await two.restoreState(state);
      await one.setLimits(null);
      expect(warnings).toEqual([]);
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  }

  /** Everything a manager of tokens does with its store. */
  async function everyToken(redis: RedisOptions): Promise<void> {
    const options = { redis, encryptionKey: 'a passphrase of some length' };
    const one = new TokenManager(['token-1', { token: 'token-2', account: 'other' }], options);
    try {
      await one.ready();
      const lease = await one.getNextAvailableToken('github', { resource: 'search' });
      const reset = Math.ceil(Date.now() / 1000) + 600;
      await one.updateRateLimit(lease, { limit: 30, remaining: 29, reset });
      await (await one.getNextAvailableToken()).cancel();
      await one.markInvalid('token-2');
      await one.markValid('token-2');
      await one.addToken('token-3');
      await one.removeToken('token-3');
      expect(await one.countAvailableTokens()).toBe(2);
      expect(await one.loadTokens()).toBe(0);
      expect(await one.getAllTokens()).toHaveLength(2);
    } finally {
      await one.close();
    }
  }

  async function nothingDenied(server: RedisServer): Promise<void> {
    const entries = (await server.command('ACL', 'LOG')) as unknown[][];
    const denied = entries.filter(entry => entry[entry.indexOf('username') + 1] === 'budget');
    const what = denied.map(entry => entry[entry.indexOf('object') + 1]);
    // Asked for and not needed: a policy that deletes budgets.
    expect(what.filter(name => !String(name).startsWith('config'))).toEqual([]);
  }

  test('on a server alone, and another prefix is out of reach', async () => {
    const server = await startRedis();
    try {
      await allow(server);
      const redis = { host: HOST, port: server.port, ...credentials };
      await everything(redis);
      await everyLimit(redis);
      await everyToken(redis);
      await nothingDenied(server);
      const stranger = tracker({ host: HOST, port: server.port, ...credentials, keyPrefix: 'others' });
      await expect(stranger.trackUsage(used('all', 5))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    } finally {
      await Promise.all(open.splice(0).map(one => one.close()));
      await server.stop();
    }
  });

  test('in a cluster', async () => {
    const cluster = await startCluster({ replicas: 0 });
    try {
      for (const { server } of cluster.nodes) await allow(server, '+cluster|slots', '+asking');
      const redis = { cluster: cluster.nodes.map(({ port }) => ({ host: HOST, port })), ...credentials };
      await everything(redis);
      await everyLimit(redis);
      await everyToken(redis);
      for (const { server } of cluster.nodes) await nothingDenied(server);
    } finally {
      await Promise.all(open.splice(0).map(one => one.close()));
      await cluster.stop();
    }
  }, 60_000);

  test('behind Sentinel', async () => {
    const trio = await startSentinelTrio();
    try {
      await allow(trio.primary, '+role');
      const redis = { sentinels: trio.nodes, name: trio.primaryName, ...credentials };
      await everything(redis);
      await everyLimit(redis);
      await everyToken(redis);
      await nothingDenied(trio.primary);
    } finally {
      await Promise.all(open.splice(0).map(one => one.close()));
      await trio.stop();
    }
  }, 60_000);
});
