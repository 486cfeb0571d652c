/** Webhooks of timers, from the timer to the receiver. */
import { once } from 'node:events';
import {
  type CoordinatorOptions,
  createTokenCoordinator,
  type TokenCoordinator,
  verifyWebhook,
} from '@wundr.io/token-budget/timers';
import { endAll, httpReceiver, recorder } from './webhook-receivers';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

let minoots: TokenCoordinator;

function open(webhooks: CoordinatorOptions['webhooks'] = {}): TokenCoordinator {
  minoots = createTokenCoordinator({ webhooks: { allow: ['127.0.0.1'], base: 20, cap: 50, ...webhooks } });
  return minoots;
}

afterEach(async () => {
  await minoots?.close();
  await endAll();
});

const timer = (webhook: string) => ({
  name: 'Resume',
  duration: 5,
  events: { on_expire: { webhook, data: { job: 7 } } },
});

test('arrives signed, with what the timer brings', async () => {
  const { url, arrived } = await recorder(() => [202]);
  const delivered = once(open({ secret: SECRET }), 'timer:delivered');
  const { id } = await minoots.timers.create(timer(`${url}/resume`));
  const [event] = await delivered;
  expect(event).toMatchObject({
    timerId: id,
    timerName: 'Resume',
    webhook: `${url}/resume`,
    status: 202,
    attempts: 1,
  });
  const { body, headers } = arrived[0] ?? { body: '', headers: {} };
  const { id: deliveryId, payload } = verifyWebhook(body, headers, SECRET);
  expect(payload).toMatchObject({
    type: 'timer.expired',
    data: { id, name: 'Resume', data: { job: 7 }, deliveryId },
  });
  expect(deliveryId).toBe(event.deliveryId);
});

test('under way when its process closes, it is sent at once by another one, with the same id', async () => {
  const memory = { name: `in-flight-${process.pid}` };
  const options = { memory, webhooks: { allow: ['127.0.0.1'] } };
  let heard = () => {};
  const sent = new Promise<void>(resolve => {
    heard = resolve;
  });
  const ids: unknown[] = [];
  const { url } = await httpReceiver((request, response) => {
    ids.push(request.headers['webhook-id']);
    // The first one hangs.
    if (ids.length === 1) heard();
    else response.writeHead(200).end();
  });
  const first = createTokenCoordinator(options);
  await first.timers.create(timer(url));
  await sent;
  minoots = createTokenCoordinator({ ...options, run: false });
  await first.close({ timeout: 20 });
  const [letter] = await minoots.timers.deliveries();
  expect(letter).toMatchObject({ attempts: 0 });
  const other = createTokenCoordinator(options);
  // Far less than the 30 s after which the claim would lapse.
  await once(other, 'timer:delivered', { signal: AbortSignal.timeout(15_000) });
  await other.close();
  expect(ids).toEqual([letter?.id, letter?.id]);
});

test('is repeated with the same id and the same body until it arrives', async () => {
  const { url, arrived } = await recorder((_one, number) => (number < 4 ? [503] : [200]));
  const failures: unknown[] = [];
  const delivered = once(open(), 'timer:delivered');
  minoots.on('timer:delivery-failed', event => failures.push(event));
  await minoots.timers.create(timer(url));
  expect((await delivered)[0]).toMatchObject({ attempts: 4, status: 200 });
  expect(new Set(arrived.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(new Set(arrived.map(({ body }) => body)).size).toBe(1);
  expect(failures).toHaveLength(3);
  expect(failures[0]).toMatchObject({
    attempts: 1,
    status: 503,
    error: 'answered 503',
    retryAt: expect.any(Date),
  });
  expect(await minoots.timers.deadLetters()).toEqual([]);
});

test('is given up after its attempts, and can be sent anew', async () => {
  let isBack = false;
  const { url, arrived } = await recorder(() => [isBack ? 200 : 500]);
  const dead = once(open({ maxAttempts: 3 }), 'timer:dead');
  await minoots.timers.create(timer(url));
  const [event] = await dead;
  expect(event).toMatchObject({ attempts: 3, status: 500 });
  expect(arrived).toHaveLength(3);
  const [letter] = await minoots.timers.deadLetters();
  expect(letter).toMatchObject({ id: event.deliveryId, webhook: `${url}/`, error: 'answered 500' });
  isBack = true;
  const delivered = once(minoots, 'timer:delivered');
  await minoots.timers.redeliver(event.deliveryId);
  expect((await delivered)[0]).toMatchObject({ deliveryId: event.deliveryId });
  expect(arrived.at(-1)?.headers['webhook-id']).toBe(event.deliveryId);
});

test('410 is the end of the address', async () => {
  const { url, arrived } = await recorder(() => [410]);
  const disabled = once(open(), 'endpoint:disabled');
  await minoots.timers.create(timer(url));
  expect((await disabled)[0]).toEqual({ webhook: `${url}/` });
  const dead = once(minoots, 'timer:dead');
  await minoots.timers.create(timer(url));
  await dead;
  expect(arrived).toHaveLength(1);
});

test('a name that turns private is not sent to', async () => {
  const { url, arrived } = await recorder(() => [200]);
  const { port } = new URL(url);
  const dead = once(open({ allow: [], maxAttempts: 2, lookup: async () => ['127.0.0.1'] }), 'timer:dead');
  await minoots.timers.create(timer(`http://hooks.example.com:${port}/`));
  expect((await dead)[0]).toMatchObject({ attempts: 2, error: expect.stringContaining('not allowed') });
  expect(arrived).toEqual([]);
});

test('an address that is never sent to is refused when the timer is made', async () => {
  open({ allow: [], httpsOnly: true });
  for (const webhook of [
    'https://10.0.0.1/',
    'https://localhost/',
    'https://[::1]/',
    'http://example.com/',
  ]) {
    await expect(minoots.timers.create(timer(webhook))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'timer.events.on_expire.webhook',
    });
  }
  expect((await minoots.timers.list()).timers).toEqual([]);
});

test('options are refused by their path', () => {
  const make = (webhooks: object) => () => createTokenCoordinator({ webhooks });
  expect(make({ secret: 'x' })).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', field: 'webhooks.secret' }),
  );
  expect(make({ allow: ['10.0.0.0/99'] })).toThrow(expect.objectContaining({ field: 'webhooks.allow[0]' }));
  expect(make({ sekret: 'x' })).toThrow(expect.objectContaining({ field: 'webhooks.sekret' }));
});
