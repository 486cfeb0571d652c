/** Webhooks of many processes that are killed, on a server that restarts, to receivers that misbehave. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CoordinatorOptions, type TimerDelivery, verifyWebhook } from '@wundr.io/token-budget/timers';
import { startStore, type TestStore } from '../support/stores';
import { eventually } from '../support/system';
import { killTimers, LEASE_MS, type Made, openTimers, type TimerProcess } from '../support/timer-processes';
import { endAll, httpReceiver, type Receiver } from '../timers/webhook-receivers';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OF_EACH = 60;
const PROCESSES = 3;
const KILLS = 6;
/** A process is killed all the same when nothing arrives: what is left waits for the lease of another that is dead. */
const PATIENCE_MS = 1_500;

interface Arrival {
  path: string;
  deliveryId: string;
  timerId: string;
  body: string;
  status: number | 'none';
}

let store: TestStore;
let receiver: Receiver;
let arrivals: Arrival[];
let refused: unknown[];
/** Paths that answer well from now on. */
let mended: Set<string>;

beforeAll(async () => {
  store = await startStore('standalone', { args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
}, 60_000);
beforeEach(async () => {
  arrivals = [];
  refused = [];
  mended = new Set();
  receiver = await httpReceiver(receive);
});
afterEach(async () => {
  await killTimers();
  await endAll();
});
afterAll(() => store.stop());

function receive(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const path = (request.url ?? '').slice(1);
    const body = Buffer.concat(chunks).toString();
    try {
      const { id: deliveryId, payload } = verifyWebhook(body, request.headers, SECRET);
      const timerId = (payload as { data: { id: string } }).data.id;
      const attempt = arrivals.filter(one => one.deliveryId === deliveryId).length + 1;
      const status = statusOf(path, attempt);
      arrivals.push({ path, deliveryId, timerId, body, status });
      if (status !== 'none') response.writeHead(status).end();
    } catch (error) {
      refused.push(error);
      response.writeHead(401).end();
    }
  });
}

function statusOf(path: string, attempt: number): Arrival['status'] {
  if (mended.has(path) || path === 'well') return 200;
  if (path === 'fails') return attempt <= 2 ? 503 : 200;
  if (path === 'hangs') return attempt === 1 ? 'none' : 200;
  return path === 'gone' ? 410 : 500;
}

const options = (): CoordinatorOptions => ({
  redis: store.redis,
  commandTimeout: 10_000,
  connectTimeout: 20_000,
  webhooks: {
    secret: SECRET,
    allow: ['127.0.0.1'],
    base: 50,
    cap: 500,
    timeout: 700,
    maxAttempts: 4,
  },
});

const timers = (path: string, count: number, withinMs: number) =>
  Array.from({ length: count }, (_, n) => ({
    id: `${path}-${n}`,
    name: path,
    duration: 500 + Math.floor((n * withinMs) / count),
    events: { on_expire: { webhook: `${receiver.url}/${path}`, data: { path, n } } },
  }));

const at = (all: readonly TimerProcess[], index: number) => all[index] as TimerProcess;

test('every webhook arrives or is among the dead letters, with one id and one text', async () => {
  const all = await Promise.all(Array.from({ length: PROCESSES }, () => openTimers(options())));
  const author = await openTimers({ ...options(), run: false });
  const paths = ['well', 'fails', 'hangs', 'dead', 'gone'];
  const made: Made[] = (
    await Promise.all(paths.map(path => author.create(timers(path, OF_EACH, 3_000))))
  ).flat();
  expect(made).toHaveLength(paths.length * OF_EACH);

  for (let kill = 0; kill < KILLS; kill++) {
    const before = arrivals.length;
    const untilMs = Date.now() + PATIENCE_MS;
    await eventually('some webhooks', () =>
      arrivals.length >= before + 20 || Date.now() > untilMs ? true : undefined,
    );
    await at(all, kill % PROCESSES).kill();
    if (kill === KILLS / 2) await store.servers[0]?.restart();
    all[kill % PROCESSES] = await openTimers(options());
  }

  const dead = () => author.call<TimerDelivery[]>('deadLetters');
  await eventually(
    'the end of every webhook',
    async () => {
      const [under, given] = await Promise.all([author.call<unknown[]>('deliveries'), dead()]);
      const left = await author.worker.call<unknown[]>('all', { status: 'scheduled' });
      return (left.length === 0 && under.length === 0 && given.length === 2 * OF_EACH) || undefined;
    },
    { timeoutMs: 2 * LEASE_MS + 30_000, everyMs: 200 },
  );
  expect(refused).toEqual([]);

  const byTimer = new Map<string, Arrival[]>();
  for (const arrival of arrivals) {
    byTimer.set(arrival.timerId, [...(byTimer.get(arrival.timerId) ?? []), arrival]);
  }
  for (const of of byTimer.values()) {
    expect(new Set(of.map(({ deliveryId }) => deliveryId)).size).toBe(1);
    // A webhook is there from the moment on when the store knows that its timer has fired: nobody makes another.
    expect(new Set(of.map(({ body }) => body)).size).toBe(1);
  }
  for (const { id } of made) {
    const [path = ''] = id.split('-');
    const statuses = (byTimer.get(id) ?? []).map(({ status }) => status);
    if (['well', 'fails', 'hangs'].includes(path)) expect(statuses).toContain(200);
    if (path === 'dead') expect(statuses.length).toBeGreaterThanOrEqual(4);
  }
  const given = await dead();
  expect(new Set(given.map(({ timerName }) => timerName))).toEqual(new Set(['dead', 'gone']));
  expect(new Set(given.map(({ id }) => id)).size).toBe(2 * OF_EACH);

  await redelivers(author, given);
  await staysGone(author);
}, 180_000);

/** Dead letters are sent again by whoever runs, signed anew, with their id. */
async function redelivers(author: TimerProcess, given: readonly TimerDelivery[]): Promise<void> {
  mended.add('dead');
  const again = given.filter(({ timerName }) => timerName === 'dead').slice(0, 10);
  const before = arrivals.length;
  for (const { id } of again) await author.call('redeliver', id);
  await eventually('ten webhooks', () => arrivals.length >= before + again.length || undefined);
  const since = arrivals.slice(before);
  expect(since.map(({ deliveryId }) => deliveryId).sort()).toEqual(again.map(({ id }) => id).sort());
  const first = new Map(given.map(one => [one.id, JSON.stringify(one.body)]));
  for (const { deliveryId, body, status } of since) {
    expect(status).toBe(200);
    expect(JSON.stringify(JSON.parse(body))).toBe(first.get(deliveryId));
  }
  expect(refused).toEqual([]);
}

/** An address that answered 410 is known to all, also to those that start later, until it is used again. */
async function staysGone(author: TimerProcess): Promise<void> {
  const webhook = `${receiver.url}/gone`;
  expect(await author.call('endpoints')).toContain(webhook);
  const late = await openTimers(options());
  const before = arrivals.length;
  const letters = async () => (await author.call<TimerDelivery[]>('deadLetters')).length;
  const count = await letters();
  await late.create([
    { id: 'gone-again', name: 'gone', duration: 0, events: { on_expire: { webhook } } } as never,
  ]);
  await eventually('one more dead letter', async () => ((await letters()) > count ? true : undefined));
  expect(arrivals).toHaveLength(before);
  mended.add('gone');
  expect(await late.call('enableEndpoint', webhook)).toBe(true);
  await late.create([
    { id: 'gone-no-more', name: 'gone', duration: 0, events: { on_expire: { webhook } } } as never,
  ]);
  await eventually(
    'a webhook',
    () => arrivals.some(({ timerId }) => timerId === 'gone-no-more') || undefined,
  );
}
