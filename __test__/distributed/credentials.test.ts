/** The tokens of many processes are one pool: what one learns all know, and no token is sent once it is spent. */
import type { TokenView } from '@wundr.io/token-budget/credentials';
import { ProviderServer } from '../credentials/support/provider-server';
import { connectClient, endClient } from '../support/client';
import { endManagers, type ManagerProcess, openManager, type TakenLease } from '../support/managers';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
const TIMEOUT_MS = 500;
const PROCESSES = 8;
const LANES = 2;

type Tokens = Parameters<typeof openManager>[0];
type Options = Parameters<typeof openManager>[1];

let store: TestStore;
let provider: ProviderServer;
const managers: ManagerProcess[] = [];

async function open(tokens: Tokens, options: Options): Promise<ManagerProcess> {
  const one = await openManager(tokens, {
    commandTimeout: 10_000,
    reserve: 0,
    redis: store.redis,
    ...(provider === undefined ? {} : { baseUrls: { github: provider.url } }),
    ...options,
  });
  managers.push(one);
  await one.call('ready', { timeout: 10_000 });
  return one;
}

const views = (one: ManagerProcess) => one.call<TokenView[]>('getAllTokens', 'github');
const core = (view: TokenView | undefined) => view?.resources.find(({ resource }) => resource === 'core');
const underWay = async (one: ManagerProcess) =>
  (await views(one)).reduce((sum, view) => sum + (core(view)?.underWay ?? 0), 0);
const inAnHour = () => Math.ceil(Date.now() / 1000) + 3600;

afterEach(() => endManagers(managers.splice(0)));
afterAll(async () => {
  await store?.stop();
  await provider?.stop();
});

describe.each<Topology>(['standalone', 'cluster'])('on %s', topology => {
  beforeAll(async () => {
    await store?.stop();
    await provider?.stop();
    store = await startStore(topology, { args: DURABLE });
    provider = await new ProviderServer('github').start();
  }, 60_000);

  test('8 processes share 5 tokens: each is used up before the next, none is sent spent', async () => {
    const limit = 60;
    const tokens = [1, 2, 3, 4, 5].map(number => `token-${topology}-${number}`);
    for (const token of tokens.slice(0, 4)) provider.allow(token, limit);
    // The last two belong to one user.
    provider.allow(tokens[4] as string, limit).sameUser.set(tokens[4] as string, tokens[3] as string);
    const given = tokens.map((token, index) => ({ token, account: `user-${Math.min(index, 3)}` }));
    const all = await Promise.all(Array.from({ length: PROCESSES }, () => open(given, { name: 'shared' })));

    const outcomes = await Promise.all(all.map(one => one.exhaust('/users/octocat', LANES)));
    const ended = outcomes.flatMap(outcome => outcome.ended);
    expect(ended).toEqual(
      Array(PROCESSES * LANES).fill({
        name: 'RateLimitError',
        message: 'All tokens have exceeded rate limits',
      }),
    );
    expect(provider.onSpent()).toEqual([]);
    expect(provider.asked.filter(({ status }) => status !== 200)).toEqual([]);
    const served = outcomes.reduce((sum, outcome) => sum + outcome.served, 0);
    expect(served).toBe(provider.asked.length);
    // Four quotas. What is in doubt while answers overtake each other is left unused, not overdrawn.
    expect(served).toBeLessThanOrEqual(4 * limit);
    expect(served).toBeGreaterThan(4 * limit * 0.8);
    // On one token until it is spent: but for what was under way, one follows the other.
    const order = provider.tokens().map(token => given.find(one => one.token === token)?.account);
    const users = [...new Set(order)];
    expect(users).toHaveLength(4);
    for (const [index, user] of users.entries()) {
      const since = order.slice(order.indexOf(users[index + 1] ?? user));
      if (index < 3) expect(since.filter(one => one === user).length).toBeLessThan(PROCESSES * LANES);
    }
    expect(await all[0]?.call('countAvailableTokens', 'github')).toBe(0);
  }, 60_000);

  test('a token that one process finds invalid is invalid for all', async () => {
    const tokens = ['good', 'revoked', 'refused'].map(name => `${name}-${topology}`) as [
      string,
      string,
      string,
    ];
    provider.allow(tokens[0], 1000);
    const [one, two] = await Promise.all([open(tokens, { name: 'valid' }), open(tokens, { name: 'valid' })]);
    await one.call('markInvalid', tokens[1]);
    const answer = await open([tokens[2]], { name: 'valid' });
    await expect(answer.exhaust('/users/octocat', 1)).resolves.toMatchObject({
      ended: [{ name: 'AuthError' }],
    });
    for (const process of [one, two]) {
      expect((await views(process)).map(({ isValid }) => isValid)).toEqual([true, false, false]);
      expect(await process.call('countAvailableTokens', 'github')).toBe(1);
      for (let times = 0; times < 3; times++) expect((await process.take()).token).toBe(tokens[0]);
    }
    await two.call('markValid', tokens[1]);
    expect(await one.call('countAvailableTokens', 'github')).toBe(2);
  }, 30_000);

  test('requests of a killed process end after requestTTL, and not before', async () => {
    const options = { name: 'killed', requestTTL: 2000 };
    const [survivor, killed] = await Promise.all([
      open(['killed-token'], options),
      open(['killed-token'], options),
    ]);
    const began = Date.now();
    const taken = await Promise.all([1, 2, 3].map(() => killed.take()));
    const kept = await survivor.take();
    // Of 10 that are left three are under way elsewhere, and one here.
    await survivor.call('update', kept.lease, { limit: 10, remaining: 9, reset: inAnHour() });
    await killed.worker.kill();
    expect(taken).toHaveLength(3);
    const left = async () => {
      const [view] = await views(survivor);
      return { underWay: core(view)?.underWay, remaining: core(view)?.remaining };
    };
    const first = await left();
    if (Date.now() - began < 2000) expect(first).toEqual({ underWay: 3, remaining: 6 });
    await eventually('their end', async () => ((await left()).underWay === 0 ? true : undefined));
    expect(Date.now() - began).toBeGreaterThanOrEqual(2000);
    // The next answer tells the truth.
    const next = await survivor.take();
    await survivor.call('update', next.lease, { limit: 10, remaining: 8, reset: inAnHour() });
    expect(await left()).toEqual({ underWay: 0, remaining: 8 });
  }, 30_000);

  test('stopped: picks are refused in time, reports are kept and delivered once', async () => {
    const name = 'stopped';
    const tokens = ['stopped-1', 'stopped-2'];
    const options = { name, commandTimeout: TIMEOUT_MS };
    const [one, two] = await Promise.all([open(tokens, options), open(tokens, options)]);
    const [a, b, c] = (await Promise.all([1, 2, 3].map(() => one.take()))) as [
      TakenLease,
      TakenLease,
      TakenLease,
    ];
    await Promise.all(store.servers.map(server => server.kill()));
    await Promise.all([one, two].map(process => process.hears('store:disconnected')));
    const [picked, counted, listed, settled, updated, cancelled, invalid] = await one.all(
      [
        ['take', 'github'],
        ['countAvailableTokens', 'github'],
        ['getAllTokens', 'github'],
        ['settle', a.lease],
        ['update', b.lease, { limit: 100, remaining: 70, reset: inAnHour() }],
        ['cancel', c.lease],
        ['markInvalid', tokens[1]],
      ],
      TIMEOUT_MS,
    );
    for (const refused of [picked, counted, listed]) {
      expect(refused?.code).toBe('STORE_UNAVAILABLE');
      expect(refused?.beyondMs).toBeLessThan(100);
    }
    for (const kept of [settled, updated, cancelled, invalid]) expect(kept?.code).toBeUndefined();
    await Promise.all(store.servers.map(server => server.restart()));
    await store.cluster?.ready();
    await eventually('what was reported', async () => {
      const [first, second] = await views(two);
      expect(core(first)).toMatchObject({ underWay: 0, limit: 100, remaining: 70 });
      expect(second?.isValid).toBe(false);
      return true;
    });
  }, 60_000);

  test('paused: picks end in time and are not made later', async () => {
    const options = { name: 'paused', commandTimeout: TIMEOUT_MS };
    const [one, two] = await Promise.all([open(['paused-1'], options), open(['paused-1'], options)]);
    const lease = await one.take();
    await two.call('countAvailableTokens', 'github');
    for (const server of store.servers) server.pause();
    const late = await one.all(
      [
        ['take', 'github'],
        ['take', 'github'],
        ['countAvailableTokens', 'github'],
      ],
      TIMEOUT_MS,
    );
    const settled = await one.all([['settle', lease.lease]]);
    expect(late.map(({ code }) => code)).toEqual(['TIMEOUT', 'TIMEOUT', 'TIMEOUT']);
    for (const { beyondMs } of late) expect(beyondMs).toBeLessThan(100);
    expect(settled[0]?.code).toBeUndefined();
    // Dead before the server reads what it asked: nobody is left to give back.
    expect((await two.all([['take', 'github']])).map(({ code }) => code)).toEqual(['TIMEOUT']);
    await two.worker.kill();
    for (const server of store.servers) server.resume();
    await eventually('the settlement', async () => ((await underWay(one)) === 0 ? true : undefined));
  }, 60_000);

  test('encrypted tokens are found by another process, with the key alone', async () => {
    const key = 'a passphrase of some length';
    const options = { name: 'sealed', encryptionKey: key };
    const tokens = [{ token: 'sealed-1', account: 'me', weight: 3 }, 'sealed-2'];
    const one = await open(tokens, options);
    await one.take();
    const two = await open(undefined, options);
    expect(await views(two)).toHaveLength(2);
    expect(['sealed-1', 'sealed-2']).toContain((await two.take()).token);
    expect(await underWay(two)).toBe(2);
    await two.call('addToken', 'sealed-3');
    expect(await one.call('loadTokens')).toBe(1);
    await expect(open(undefined, { ...options, encryptionKey: 'another passphrase' })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
  }, 60_000);

  test('no token is ever sent to the server, whatever is done with it', async () => {
    const canary = 'ghp_CanaryTokenThatNobodyMaySee0123456789';
    const shapes = [
      canary,
      canary.toLowerCase(),
      ...['base64', 'base64url', 'hex'].map(as => encoded(canary, as)),
    ];
    const servers = store.cluster?.primaries.map(({ server }) => server) ?? store.servers;
    const watchers = servers.map(server => connectClient(server.clientOptions()));
    const monitors = await Promise.all(watchers.map(watcher => watcher.monitor()));
    const seen: string[] = [];
    for (const monitor of monitors) {
      monitor.on('monitor', (_time: string, args: string[]) => seen.push(args.join(' ')));
    }
    try {
      for (const more of [{}, { encryptionKey: 'a passphrase of some length' }]) {
        const name = `canary-${Object.keys(more).length}`;
        const one = await open([{ token: canary, account: 'canary' }, `${canary}-2`], { name, ...more });
        const lease = await one.take();
        await one.call('update', lease.lease, { limit: 5, remaining: 4, reset: inAnHour() });
        await one.call('cancel', (await one.take()).lease);
        await one.call('markInvalid', canary);
        await one.call('markValid', canary);
        await one.call('addToken', `${canary}-3`);
        await one.call('removeToken', `${canary}-2`);
        // The provider knows none of them: 401.
        await one.exhaust('/users/octocat', 1);
        await views(one);
      }
      await eventually(
        'what was asked',
        () => seen.filter(line => /canary-1/.test(line)).length > 5 || undefined,
      );
    } finally {
      for (const monitor of monitors) monitor.disconnect();
      await Promise.all(watchers.map(endClient));
    }
    const kept = (await Promise.all(servers.map(server => everything(server)))).flat();
    expect(kept.length).toBeGreaterThan(3);
    for (const text of [...seen, ...kept]) {
      for (const shape of shapes) expect(text).not.toContain(shape);
    }
  }, 60_000);
});

const encoded = (text: string, as: string) =>
  // Without the end, which depends on what follows.
  Buffer.from(text)
    .toString(as as BufferEncoding)
    .slice(0, 40);

/** Names and contents of all keys of a server. */
async function everything(server: TestStore['servers'][number]): Promise<string[]> {
  const found: string[] = [];
  for (const key of (await server.command('KEYS', '*')) as string[]) {
    const type = await server.command('TYPE', key);
    const read = type === 'hash' ? ['HGETALL', key] : ['GET', key];
    found.push(`${key} ${String(await server.command(read[0] as string, ...read.slice(1)))}`);
  }
  return found;
}

describe.each<Topology>(['standalone', 'cluster'])('with lost replies, on %s', topology => {
  let one: ManagerProcess;
  const NAME = 'lossy';

  beforeAll(async () => {
    await store?.stop();
    store = await startStore(topology, { proxied: true });
  }, 60_000);

  async function losing<T>(operation: () => Promise<T>): Promise<T> {
    const key = topology === 'cluster' ? `orchestrator:credentials:{github/${NAME}}:state` : '';
    const owner = await store.cluster?.primaryOf(key);
    const proxy = owner?.proxy ?? store.proxies[0];
    if (proxy === undefined) throw new Error('no proxy');
    const lost = proxy.dropReplyTo(NAME);
    const answer = await operation();
    await lost;
    return answer;
  }

  test('a pick and a report are each done once', async () => {
    one = await open(['lossy-1', 'lossy-2'], { name: NAME });
    const state = async () => {
      const [first] = await views(one);
      return { underWay: core(first)?.underWay, remaining: core(first)?.remaining };
    };
    const known = await one.take();
    await one.call('update', known.lease, { limit: 100, remaining: 50, reset: inAnHour() });
    const taken = await losing(() => one.take());
    expect(await state()).toEqual({ underWay: 1, remaining: 49 });
    await losing(() => one.call('settle', taken.lease));
    expect(await state()).toEqual({ underWay: 0, remaining: 49 });
    const unsent = await one.take();
    await losing(() => one.call('cancel', unsent.lease));
    expect(await state()).toEqual({ underWay: 0, remaining: 49 });
    const [other, more] = [await one.take(), await one.take()];
    await losing(() => one.call('cancel', other.lease));
    expect(await state()).toEqual({ underWay: 1, remaining: 48 });
    await one.call('settle', more.lease);
  }, 30_000);
});
