/** What limiters and pools of tokens leave on a server: names that never meet, and nothing half done. */
import type { Permit } from '@wundr.io/token-budget/rate-limit';
import { inProcess } from '../support/in-process';
import type { RedisServer } from '../support/redis';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const MINUTE_MS = 60_000;

let store: TestStore;
const { limiter, manager, closeAll } = inProcess(() => store);
afterEach(closeAll);
afterAll(() => store?.stop());

const servers = () => store.cluster?.primaries.map(({ server }) => server) ?? store.servers;
const keysLike = async (pattern: string) =>
  (await Promise.all(servers().map(server => server.command('KEYS', pattern)))).flat() as string[];

const WELL_FORMED = [
  ...[
    'a',
    'A',
    'a:b',
    'a:b:state',
    'a:state',
    'a:calls:x',
    '{a}',
    '{a',
    'a}',
    '{}a',
    '{',
    '}',
    '*',
    '?',
    '[a]',
  ],
  ...[
    '\\',
    '%',
    '%3A',
    '%253A',
    ':',
    '::',
    ' ',
    'a ',
    ' a',
    'a\n',
    'a\r\n',
    'a\0',
    '\u007f',
    '\u00e9',
    'e\u0301',
  ],
  ...[
    '\ud83d\ude00',
    '\ufffd',
    'turns',
    'rate',
    'a/b',
    'github/a',
    '__proto__',
    'constructor',
    '=a',
    '-1',
    '0',
  ],
];
const LONE = ['\ud800', '\udc00', '\udc00\ud800'];
const LONG = ['x'.repeat(256), 'x'.repeat(255), ':'.repeat(256), 'é'.repeat(128)];

describe.each<Topology>(['standalone', 'cluster'])('names on %s', topology => {
  beforeAll(async () => {
    await store?.stop();
    store = await startStore(topology);
  }, 60_000);

  test('limiters never share state, however hostile their names', async () => {
    const redis = { keyPrefix: 'names:of mine' };
    const names = [...WELL_FORMED, ...LONG];
    const all = names.map(name => limiter({ name, limits: { itpm: 1_000_000 }, redis }));
    await Promise.all(all.map((one, index) => one.acquire({ inputTokens: 1000 + index })));
    await Promise.all(all.map((one, index) => one.setLimits({ itpm: 2_000_000 + index })));
    for (const [index, one] of all.entries()) {
      const { limits, underWay } = await one.getStatus();
      expect([names[index], underWay, limits.itpm?.used, limits.itpm?.limit]).toEqual([
        names[index],
        1,
        1000 + index,
        2_000_000 + index,
      ]);
    }
    // And the same name is the same limiter.
    const again = limiter({ name: 'a:b', limits: { itpm: 1_000_000 }, redis });
    expect(await again.getLimits()).toEqual({ itpm: 2_000_000 + names.indexOf('a:b') });
    for (const name of [...LONE, '', 'x'.repeat(257), `${'é'.repeat(128)}x`]) {
      const refused = expect.objectContaining({ code: 'INVALID_CONFIG', field: 'name' });
      expect(() => limiter({ name })).toThrow(refused);
    }
  }, 60_000);

  test('agents never share a share, however hostile their names', async () => {
    const one = limiter({ name: 'agents', limits: { rpm: 10_000 } });
    const agents = [...WELL_FORMED, ...LONG];
    for (const [index, agent] of agents.entries()) {
      expect(await one.allocate(agent, (index + 1) / 10_000)).toBe(true);
    }
    for (const [index, agent] of agents.entries()) {
      await Promise.all(Array.from({ length: 1 + (index % 3) }, () => one.acquire({ agent })));
    }
    const seen = new Map((await one.getStatus()).agents.map(({ agent, ...rest }) => [agent, rest]));
    for (const [index, agent] of agents.entries()) {
      expect([agent, seen.get(agent)]).toEqual([
        agent,
        { share: (index + 1) / 10_000, waiting: 0, requests: 1 + (index % 3) },
      ]);
    }
    await expect(one.allocate('\ud800', 0.1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }, 60_000);

  test('pools and accounts never share state, however hostile their names', async () => {
    const names = [...WELL_FORMED, 'x'.repeat(128), ':'.repeat(128)];
    const reset = new Date(Date.now() + 10 * MINUTE_MS);
    const all = names.map(name => manager(['one-token'], { name }));
    await Promise.all(
      all.map((one, at) => one.updateRateLimit('one-token', { limit: 5000, remaining: 100 + at, reset })),
    );
    for (const [at, one] of all.entries()) {
      const [view] = await one.getAllTokens();
      expect([names[at], view?.resources[0]?.remaining]).toEqual([names[at], 100 + at]);
    }
    const accounts = WELL_FORMED.map((account, index) => ({ token: `token-${index}`, account }));
    const pool = manager(accounts, { name: 'accounts' });
    for (const [at, { token }] of accounts.entries()) {
      await pool.updateRateLimit(token, { limit: 5000, remaining: 100 + at, reset });
    }
    const views = await pool.getAllTokens();
    expect(views.map(({ resources }) => resources[0]?.remaining)).toEqual(accounts.map((_, at) => 100 + at));
    expect(() => manager(['t'], { name: '\ud800' })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG' }),
    );
  }, 60_000);

  test('every key belongs to the prefix, in a cluster to one slot each, and ends', async () => {
    const redis = { keyPrefix: 'of:mine' };
    const one = limiter({ name: 'a{b}c', limits: { rpm: 100, concurrent: 3 }, redis });
    await one.allocate('agent', 0.5);
    const permit = await one.acquire({ agent: 'agent', model: 'm' });
    await Promise.all([1, 2].map(() => one.acquire()));
    const waits = one.acquire().catch(error => error.code);
    await eventually('it waits', async () => ((await one.getStatus()).waiting === 1 ? true : undefined));
    await permit.settle({ inputTokens: 1, outputTokens: 1 });
    await one.saveState();
    const pool = manager(['one-token'], { name: 'a{b}c', redis });
    await (await pool.getNextAvailableToken()).settle();
    const names = await keysLike('of:mine:*');
    const [begin, end] = topology === 'cluster' ? ['{', '}'] : ['', ''];
    const limits = `of:mine:rate:${begin}a%7Bb%7Dc${end}:`;
    const tokens = `of:mine:credentials:${begin}github/a%7Bb%7Dc${end}:`;
    const kinds = names.map(name => name.replace(/calls:.*/, 'calls')).sort();
    expect(kinds).toEqual([
      ...['calls', 'state'].map(kind => tokens + kind),
      ...['agents', 'calls', 'ends', 'learned', 'permits', 'state'].map(kind => limits + kind),
    ]);
    expect(await waits).toMatchObject({ isEnded: false });
    for (const name of names) expect(await store.read('PTTL', name)).toBeGreaterThan(0);
  }, 30_000);
});

describe('a key of another type', () => {
  beforeAll(async () => {
    await store?.stop();
    store = await startStore('standalone');
  }, 60_000);

  const server = () => store.servers[0] as RedisServer;
  const ASIDE = 'set-aside';

  /** What every key but `but` holds. */
  async function contents(pattern: string, but: string) {
    const names = (await keysLike(pattern)).filter(name => name !== but).sort();
    const hash = "return redis.sha1hex(redis.call('DUMP', KEYS[1]))";
    return Promise.all(names.map(async name => [name, await server().command('EVAL', hash, 1, name)]));
  }

  /** Puts something else in the place of a key while `during` runs; afterwards it is as before. */
  async function instead(key: string, during: () => Promise<void>) {
    const was = (await server().command('EXISTS', key)) === 1;
    const type = was ? await server().command('TYPE', key) : 'none';
    if (was) await server().command('RENAME', key, ASIDE);
    if (type === 'string' || key.endsWith('agents')) await server().command('RPUSH', key, 'x');
    else await server().command('SET', key, 'x');
    await during();
    await server().command('DEL', key);
    if (was) await server().command('RENAME', ASIDE, key);
  }

  /** Which calls look at which keys: a batch touches no more than it needs. */
  const LOOKING: Record<string, readonly string[]> = {
    state: ['allocate', 'acquire', 'settle', 'cancel', 'saveState'],
    permits: ['acquire', 'settle', 'cancel'],
    ends: ['allocate', 'acquire', 'settle', 'cancel'],
    line: ['allocate', 'acquire'],
    agents: ['allocate', 'saveState'],
    learned: ['saveState'],
  };

  test.each(Object.entries(LOOKING))(
    'of a limiter, %s: whoever looks at it is refused, and nothing has changed',
    async (kind, looking) => {
      const one = limiter({ name: `type-${kind}`, limits: { concurrent: 2, itpm: 1000 } });
      const base = `orchestrator:rate:type-${kind}:`;
      const held = await one.acquire({ inputTokens: 10 });
      if (kind === 'agents') await one.allocate('known', 0.1);
      const before = await one.getStatus();
      const every: Record<string, () => Promise<unknown>> = {
        allocate: () => one.allocate('agent', 0.5),
        acquire: () => one.acquire(),
        settle: () => held.settle({ inputTokens: 5, outputTokens: 1 }),
        cancel: () => held.cancel(),
        saveState: () => one.saveState(),
      };
      const calls = looking.map(name => every[name] as () => Promise<unknown>);
      await instead(base + kind, async () => {
        const contentsBefore = await contents(`${base}*`, base + kind);
        for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
        expect(await contents(`${base}*`, base + kind)).toEqual(contentsBefore);
      });
      expect(await one.getStatus()).toEqual(before);
      expect(await held.settle({ inputTokens: 5, outputTokens: 1 })).toMatchObject({
        known: true,
        late: false,
      });
      expect(await one.getStatus()).toMatchObject({ underWay: 0, limits: { itpm: { used: 5 } } });
    },
  );

  test('run: usage that the store refuses is told, not replaced, and can be settled afterwards', async () => {
    const one = limiter({ name: 'run', limits: { itpm: 1000 } });
    let permit: Permit | undefined;
    const key = 'orchestrator:rate:run:state';
    const running = one.run({ inputTokens: 10, maxOutputTokens: 0 }, async given => {
      permit = given;
      await server().command('RENAME', key, ASIDE);
      await server().command('RPUSH', key, 'x');
      return { result: 'made', usage: { inputTokens: 3, outputTokens: 0 } };
    });
    await expect(running).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await server().command('RENAME', ASIDE, key);
    const used = async () => (await one.getStatus()).limits.itpm?.used;
    expect([permit?.isEnded, await used()]).toEqual([false, 10]);
    await permit?.settle({ inputTokens: 3, outputTokens: 0 });
    expect([permit?.isEnded, await used()]).toEqual([true, 3]);
  });

  test('who waits in the line is refused nothing: it goes on waiting, and gets its permit', async () => {
    const one = limiter({ name: 'mended', limits: { rps: 1 }, clientLease: 900 });
    await one.acquire();
    const waits = one.acquire();
    await eventually('it waits', async () => ((await one.getStatus()).waiting === 1 ? true : undefined));
    const refusals = async () => {
      const stats = String(await server().command('INFO', 'errorstats'));
      return Number(/errorstat_WRONGTYPE:count=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await refusals();
    await instead('orchestrator:rate:mended:state', async () => {
      // Nobody calls; only the limiter asks, again and again.
      await eventually('refused polls', async () => ((await refusals()) >= before + 2 ? true : undefined));
    });
    expect(await waits).toMatchObject({ isUnheld: false });
  });

  test.each([
    ['state', 'x'],
    ['kept', 'y'],
  ])('of a pool, %s: refused, and nothing has changed', async kind => {
    const one = manager(['typed-token'], {
      name: `type-${kind}`,
      encryptionKey: 'a passphrase of some length',
    });
    const base = `orchestrator:credentials:github/type-${kind}:`;
    const lease = await one.getNextAvailableToken();
    const reset = new Date(Date.now() + 10 * MINUTE_MS);
    const [before] = await one.getAllTokens();
    await instead(base + kind, async () => {
      const contentsBefore = await contents(`${base}*`, base + kind);
      const calls: Array<() => Promise<unknown>> =
        kind === 'kept'
          ? [() => one.loadTokens(), () => one.addToken('another-token')]
          : [
              () => one.getNextAvailableToken(),
              () => one.updateRateLimit('typed-token', { limit: 9, remaining: 1, reset }),
              () => one.markInvalid('typed-token'),
              () => one.countAvailableTokens(),
            ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(await contents(`${base}*`, base + kind)).toEqual(contentsBefore);
    });
    const [after] = await one.getAllTokens();
    expect(JSON.stringify(after)).toBe(JSON.stringify(before));
    expect(await lease.settle()).toBe('served');
  });
});
