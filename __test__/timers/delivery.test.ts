/** Webhooks of timers, to a receiver on this host. */
import type { TimerDeliveryFailedEvent, TokenCoordinator } from '@wundr.io/token-budget/timers';
import { eventually } from '../support/system';
import { closeAll, coordinator, type Received, receiver } from './helpers';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
let stop: (() => Promise<unknown>) | undefined;

afterEach(async () => {
  await closeAll();
  await stop?.();
  stop = undefined;
});

async function setUp(
  answer: (received: Received, number: number) => number | Promise<number>,
  webhooks = {},
) {
  const app = await receiver(answer);
  stop = app.stop;
  const minoots = coordinator({
    webhooks: { allowPrivateAddresses: true, secret: SECRET, ...FAST, ...webhooks },
  });
  return { ...app, minoots };
}

/** Attempts that follow each other quickly. */
const FAST = { maxAttempts: 4, base: 20, cap: 50 };

const create = (minoots: TokenCoordinator, webhook: string, more: object = {}) =>
  minoots.timers.create({
    name: 'Resume',
    duration: 10,
    owner: 'team',
    events: { on_expire: { webhook, message: 'go', data: { attempt: 1 } } },
    ...more,
  });

test('a webhook brings what the event says, signed', async () => {
  const { minoots, received, url } = await setUp(() => 204);
  const delivered: object[] = [];
  minoots.on('timer:delivered', event => delivered.push(event));
  const { id } = await create(minoots, `${url}/resume`);
  const [one] = await eventually('the webhook', () => (received.length > 0 ? received : undefined));
  const { data } = (one as Received).body;
  expect(one).toMatchObject({
    path: '/resume',
    headers: {
      'content-type': expect.stringContaining('application/json'),
      'webhook-id': data.deliveryId,
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
      'webhook-signature': expect.stringMatching(/^v1,[\w+/]{43}=$/),
    },
    body: {
      type: 'timer.expired',
      timestamp: data.firedAt,
      data: {
        id,
        name: 'Resume',
        owner: 'team',
        message: 'go',
        data: { attempt: 1 },
        occurrence: 1,
        missed: 0,
      },
    },
  });
  await eventually('the event', () => delivered[0]);
  expect(delivered).toMatchObject([{ timerId: id, timerName: 'Resume', attempts: 1, status: 204 }]);
  expect(await minoots.timers.deliveries()).toEqual([]);
});

test('it is repeated until it arrives, with one id and one text', async () => {
  const { minoots, received, url } = await setUp((_one, number) => (number < 3 ? 500 : 200));
  const failed: TimerDeliveryFailedEvent[] = [];
  const delivered: object[] = [];
  minoots.on('timer:delivery-failed', event => failed.push(event));
  minoots.on('timer:delivered', event => delivered.push(event));
  await create(minoots, url);
  await eventually('the third', () => delivered[0]);
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(new Set(received.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(failed).toMatchObject([
    { attempts: 1, status: 500, retryAt: expect.any(Date) },
    { attempts: 2, status: 500, retryAt: expect.any(Date) },
  ]);
  expect(delivered).toMatchObject([{ attempts: 3 }]);
});

test('what is given up can be looked at, sent again and forgotten', async () => {
  let status = 500;
  const { minoots, received, url } = await setUp(() => status);
  const dead: TimerDeliveryFailedEvent[] = [];
  minoots.on('timer:dead', event => dead.push(event));
  const { id } = await create(minoots, url);
  await eventually('that it is given up', () => dead[0]);
  expect(received).toHaveLength(4);
  const letters = await minoots.timers.deadLetters();
  expect(letters).toMatchObject([
    {
      timerId: id,
      timerName: 'Resume',
      attempts: 4,
      isDead: true,
      isDisabled: false,
      error: expect.stringContaining('500'),
      body: { type: 'timer.expired', data: { id } },
    },
  ]);
  const deliveryId = letters[0]?.id ?? '';
  expect(dead[0]).toMatchObject({ deliveryId, attempts: 4 });
  expect(dead[0]?.retryAt).toBeUndefined();
  status = 200;
  expect(await minoots.timers.redeliver(deliveryId)).toBe(true);
  await eventually('that it arrives', () => (received.length === 5 ? true : undefined));
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  await eventually('that nothing is left', async () =>
    (await minoots.timers.deadLetters()).length === 0 ? true : undefined,
  );
  expect(await minoots.timers.redeliver(deliveryId)).toBe(false);
  status = 500;
  await create(minoots, url);
  const second = await eventually('another one', () => dead[1]);
  expect(await minoots.timers.discard(second.deliveryId)).toBe(true);
  expect(await minoots.timers.discard(second.deliveryId)).toBe(false);
  expect(await minoots.timers.deadLetters()).toEqual([]);
});

test('410 ends it for the address until it is enabled', async () => {
  let status = 410;
  const { minoots, received, url } = await setUp(() => status);
  const disabled: string[] = [];
  const dead: TimerDeliveryFailedEvent[] = [];
  minoots.on('endpoint:disabled', ({ webhook }) => disabled.push(webhook));
  minoots.on('timer:dead', event => dead.push(event));
  await create(minoots, `${url}/gone`);
  await eventually('that it is disabled', () => disabled[0]);
  expect(disabled).toEqual([`${url}/gone`]);
  expect(await minoots.timers.endpoints()).toEqual([`${url}/gone`]);
  await create(minoots, `${url}/gone`);
  await eventually('that the next one is dead at once', () => dead[1]);
  expect(received).toHaveLength(1);
  status = 200;
  await create(minoots, `${url}/other`);
  await eventually('another address', () => (received.length === 2 ? true : undefined));
  expect(await minoots.timers.enableEndpoint(`${url}/gone`)).toBe(true);
  expect(await minoots.timers.enableEndpoint(`${url}/gone`)).toBe(false);
  expect(await minoots.timers.endpoints()).toEqual([]);
  await create(minoots, `${url}/gone`);
  await eventually('that it is used again', () => (received.length === 3 ? true : undefined));
});

test('every occurrence of a recurring timer has a webhook of its own', async () => {
  const { minoots, received, url } = await setUp(() => 200);
  const { id } = await create(minoots, url, { duration: 10, every: 20 });
  await eventually('three', () => (received.length >= 3 ? true : undefined));
  await minoots.timers.cancel(id);
  const count = Number((await minoots.timers.get(id))?.occurrence);
  await eventually('all of them', () => (received.length >= count ? true : undefined));
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(count);
  const occurrences = received.map(({ body }) => Number(body.data.occurrence)).sort((a, b) => a - b);
  expect(occurrences).toEqual(Array.from({ length: count }, (_, n) => n + 1));
});

test('a receiver that hangs delays neither events nor other receivers', async () => {
  const hanging = await receiver(() => new Promise(() => {}));
  try {
    const { minoots, received, url } = await setUp(() => 200);
    let heard = 0;
    minoots.on('timer:expired', () => {
      heard += 1;
    });
    for (let n = 0; n < 100; n += 1) await create(minoots, `${hanging.url}/${n}`, { duration: 0 });
    for (let n = 0; n < 20; n += 1) await create(minoots, `${url}/${n}`, { duration: 0 });
    await eventually('the others', () => (received.length === 20 ? true : undefined));
    expect(heard).toBe(120);
    // A quarter of the 64 at once.
    expect(hanging.received.length).toBeLessThanOrEqual(16);
    await eventually('what is left', async () =>
      (await minoots.timers.deliveries()).length === 100 ? true : undefined,
    );
  } finally {
    await closeAll();
    await hanging.stop();
  }
});

test('private addresses are refused unless they are allowed', async () => {
  const app = await receiver(() => 200);
  stop = app.stop;
  const minoots = coordinator({ webhooks: FAST });
  const dead: TimerDeliveryFailedEvent[] = [];
  minoots.on('timer:dead', event => dead.push(event));
  const made = await create(minoots, app.url).catch(error => error as Error);
  // Refused when it is made, or when it is sent; in no case it is sent.
  if (!(made instanceof Error)) await eventually('that it is given up', () => dead[0]);
  expect(app.received).toEqual([]);
});
