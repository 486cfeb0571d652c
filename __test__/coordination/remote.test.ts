import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type {
  CoordinationBackend,
  CoordinationNews,
  NewsKind,
  TimerOperation,
} from '../../facade/backend/coordination';
import { startProxy } from '../support/proxy';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually } from '../support/system';

const dist = (path: string) => require(join(__dirname, '../../dist', path));
const { RemoteCoordination } = dist('backend/remote-coordination.js');
const { readStore } = dist('config/store.js');
const { Telling } = dist('telling.js');

const HOUR_MS = 3_600_000;

let server: RedisServer;
let prefixes = 0;
const opened: CoordinationBackend[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map(store => store.close(1_000)));
});
afterAll(() => server.stop());

const newPrefix = () => `coordination-${++prefixes}`;

interface Opening {
  port?: number;
  listens?: NewsKind[];
  commandTimeout?: number;
}

function open(keyPrefix = newPrefix(), { port = server.port, listens = [], ...options }: Opening = {}) {
  const settings = readStore({ redis: { host: server.host, port, keyPrefix }, ...options });
  const timers = { keepEndedMs: HOUR_MS, keepDeadMs: HOUR_MS };
  const store: CoordinationBackend = new RemoteCoordination(
    settings,
    { timers, listens },
    new Telling(new EventEmitter()),
  );
  opened.push(store);
  return store;
}

const create = (id: string, inMs: number): TimerOperation => ({
  is: 'create',
  with: {
    id,
    name: 'GitHub API Reset',
    owner: '',
    due: { is: 'in', with: inMs },
    documentJson: '{"message":"Zurück"}',
    recurrenceJson: '',
    nonce: `n-${id}`,
    fingerprint: 'f',
  },
});

const claim = (holder: string, leaseMs = HOUR_MS): TimerOperation => ({
  is: 'claim',
  with: { holder, leaseMs, timers: 10, deliveries: 10 },
});

const fired = (id: string, holder: string, endpoint?: string): TimerOperation => ({
  is: 'fired',
  with: {
    id,
    nonce: `n-${id}`,
    holder,
    occurrence: 0,
    nextFireAtMs: null,
    delivery: endpoint === undefined ? null : { endpoint, documentJson: '{}', leaseMs: HOUR_MS },
  },
});

async function claimed(store: CoordinationBackend, holder: string) {
  const { outcome } = await store.timers('0', claim(holder));
  if (outcome?.is !== 'claimed') throw new Error(`unexpected: ${outcome?.is}`);
  return {
    timers: outcome.with.timers.map(({ id }) => id),
    deliveries: outcome.with.deliveries.map(({ id }) => id),
  };
}

async function statusOf(store: CoordinationBackend, id: string) {
  const { outcome } = await store.timers('0', { is: 'get', with: { id } });
  return outcome?.is === 'timer' ? outcome.with?.status : undefined;
}

test('a timer is made, claimed, fired and remembered', async () => {
  const store = open();
  const made = await store.timers('0', create('a', 0));
  expect(made.outcome).toMatchObject({
    is: 'created',
    with: { isNew: true, timer: { status: 'scheduled' } },
  });
  expect(made.nextDueMs).toBe(made.nowMs);
  const { outcome: known } = await store.timers('0', { is: 'get', with: { id: 'a' } });
  // Told in numbers when it was made, and as a whole now.
  expect(made.outcome).toEqual({
    is: 'created',
    with: { isNew: true, timer: (known as { with: unknown }).with },
  });
  expect(Math.abs(store.now() - made.nowMs)).toBeLessThan(5_000);
  const { outcome } = await store.timers('0', claim('h'));
  const expected = { id: 'a', holder: 'h', documentJson: '{"message":"Zurück"}', name: 'GitHub API Reset' };
  expect(outcome).toMatchObject({ is: 'claimed', with: { timers: [expected], deliveries: [] } });
  const done = await store.timers('0', fired('a', 'h', 'https://example.com'));
  expect(done.outcome).toMatchObject({
    is: 'fired',
    with: { wasHeld: true, delivery: { id: 'n-a.0', holder: 'h' } },
  });
  expect(await statusOf(store, 'a')).toBe('fired');
  const again = await store.timers('0', create('a', 0));
  expect(again.outcome).toMatchObject({ is: 'created', with: { isNew: false } });
  const arrived = await store.timers('0', { is: 'delivered', with: { id: 'n-a.0', holder: 'h' } });
  expect(arrived).toMatchObject({ outcome: { is: 'done', with: true }, nextDueMs: null });
});

test('shards share nothing', async () => {
  const store = open();
  await store.timers('0', create('a', 0));
  const { outcome } = await store.timers('1', claim('h'));
  expect(outcome).toEqual({ is: 'claimed', with: { timers: [], deliveries: [] } });
});

test('a field that no store accepts is named', async () => {
  const store = open();
  for (const [operation, field] of [
    [create('', 0), 'id'],
    [claim('a b'), 'holder'],
    [claim('h', 0), 'leaseMs'],
  ] as const) {
    await expect(store.timers('0', operation)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(`^${field}: expected`),
    });
  }
});

test('other processes hear what is due earlier and what is broadcast', async () => {
  const prefix = newPrefix();
  const heard: CoordinationNews[] = [];
  const listener = open(prefix, { listens: ['due', 'expired'] });
  const end = listener.onNews((...news) => heard.push(news));
  const teller = open(prefix);
  const told = async (kind: string) => {
    await eventually(kind, async () => {
      // A message that is published before the subscription stands is missed.
      await teller.timers('0', { is: 'broadcast', with: { message: '{"a":"ü"}' } });
      return heard.find(([heardKind]) => heardKind === kind);
    });
  };
  await told('expired');
  expect(heard.find(([kind]) => kind === 'expired')).toEqual(['expired', '{"a":"ü"}']);
  const { nextDueMs } = await teller.timers('ü:1', create('a', HOUR_MS));
  await told('due');
  expect(heard.find(([kind]) => kind === 'due')).toEqual(['due', 'ü:1', nextDueMs]);
  end();
  const before = heard.length;
  await teller.timers('ü:1', create('b', 0));
  await listener.ping();
  expect(heard.length).toBe(before);
});

test('what was claimed for somebody who no longer waits is released', async () => {
  const prefix = newPrefix();
  const [store, other] = [open(prefix), open(prefix)];
  await store.timers('0', create('a', 0));
  await other.ready(5_000);
  const controller = new AbortController();
  server.pause();
  const lost = store.timers('0', claim('h1'), controller.signal);
  await new Promise(resolve => setTimeout(resolve, 50));
  controller.abort(new Error('enough'));
  await expect(lost).rejects.toThrow('enough');
  server.resume();
  // A lease of an hour: only a release gives it back.
  await eventually('the claim to be released', async () => (await claimed(other, 'h2')).timers[0]);
});

test('reports are kept while the store is away, everything else fails', async () => {
  const proxy = await startProxy(server);
  const prefix = newPrefix();
  const store = open(prefix, { port: proxy.port, commandTimeout: 300 });
  await store.timers('0', create('a', 0));
  expect((await claimed(store, 'h')).timers).toEqual(['a']);
  proxy.setMode('cut');
  proxy.cutConnections();
  await expect(store.timers('0', create('b', 0))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  const kept = await store.timers('0', fired('a', 'h', 'https://example.com'));
  expect(kept).toEqual({ outcome: undefined, nowMs: expect.any(Number), nextDueMs: null });
  proxy.setMode('pass');
  const other = open(prefix);
  await eventually('the report to arrive', async () => {
    return (await statusOf(other, 'a')) === 'fired' || undefined;
  });
  // Nobody heard of the delivery, so nobody sends it: it is there for whoever asks.
  const delivery = await eventually('the delivery', async () => (await claimed(other, 'h2')).deliveries[0]);
  expect(delivery).toBe('n-a.0');
  expect(await statusOf(other, 'b')).toBeUndefined();
  await proxy.stop();
});

test('a lost reply changes nothing twice', async () => {
  const proxy = await startProxy(server);
  const store = open(newPrefix(), { port: proxy.port });
  await store.timers('0', create('a', 0));
  let lost = proxy.dropReplyTo('holder-1');
  const [first] = await Promise.all([store.timers('0', claim('holder-1')), lost]);
  expect(first.outcome).toMatchObject({ is: 'claimed', with: { timers: [{ id: 'a' }] } });
  lost = proxy.dropReplyTo('n-a');
  const [second] = await Promise.all([
    store.timers('0', fired('a', 'holder-1', 'https://example.com')),
    lost,
  ]);
  expect(second.outcome).toMatchObject({ is: 'fired', with: { wasHeld: true, delivery: { id: 'n-a.0' } } });
  const { outcome } = await store.timers('0', {
    is: 'deliveries',
    with: { dead: false, after: '', limit: 10 },
  });
  expect(outcome).toMatchObject({ with: { deliveries: [{ id: 'n-a.0' }] } });
  await store.close(1_000);
  opened.pop();
  await proxy.stop();
});

test('full memory refuses new timers and nothing else', async () => {
  const small = await startRedis();
  const store = open(newPrefix(), { port: small.port });
  await store.timers('0', create('a', 0));
  await small.command('CONFIG', 'SET', 'maxmemory', 1);
  const [made, taken] = await Promise.allSettled([store.timers('0', create('b', 0)), claimed(store, 'h')]);
  expect(made).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } });
  expect(String(made.status === 'rejected' && made.reason)).toMatch('OOM');
  expect(taken).toMatchObject({ status: 'fulfilled', value: { timers: ['a'] } });
  const done = await store.timers('0', fired('a', 'h'));
  expect(done.outcome).toMatchObject({ with: { wasHeld: true } });
  await small.stop();
});

test('a closed store rejects', async () => {
  const store = open();
  await store.timers('0', create('a', HOUR_MS));
  await store.close(1_000);
  await expect(store.timers('0', create('b', HOUR_MS))).rejects.toMatchObject({ code: 'CLOSED' });
  opened.pop();
});
