/** In-app notifications: as an async iterable, and as server-sent events to a real client. */
import { connect } from 'node:net';
import { BudgetAlertSystem, type InAppEvent } from '@wundr.io/token-budget/alerts';
import { ask } from '../serve/helpers';
import { eventually } from '../support/system';
import { httpReceiver } from '../timers/webhook-receivers';
import { at, closeAll, config, inApp, system } from './helpers';

afterEach(closeAll);

/** A system that tells `users`, each check anew. */
async function telling(users: string[], options: Parameters<typeof system>[0] = {}, more: object = {}) {
  const alerts = system(options);
  const way = inApp(...users);
  const channels = [{ ...way, config: { ...way.config, ...more } as typeof way.config }];
  const rateLimit = { maxAlertsPerThreshold: 1_000_000, windowMs: 60_000 };
  await alerts.configureAlerts(config({ channels, rateLimit }));
  return alerts;
}

async function take(stream: AsyncIterator<InAppEvent>, count: number): Promise<InAppEvent[]> {
  const events: InAppEvent[] = [];
  while (events.length < count) {
    const { value, done } = await stream.next();
    if (done) break;
    events.push(value);
  }
  return events;
}

interface Sse {
  id: string;
  event: string;
  data: string;
}

/** Reads events until `count` came; comments are counted apart. */
async function read(url: string, count: number, headers: Record<string, string> = {}, comments = 0) {
  const ending = new AbortController();
  const response = await fetch(url, { signal: ending.signal, headers });
  const events: Sse[] = [];
  let beats = 0;
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
      if (block.startsWith(':')) beats += 1;
      else if (field('data') !== '')
        events.push({ id: field('id'), event: field('event'), data: field('data') });
    }
    if (events.length >= count && beats >= comments) break;
  }
  ending.abort();
  return { events, beats, response };
}

const serve = (alerts: BudgetAlertSystem) =>
  httpReceiver((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://_');
    alerts.handleSse(request, response, { userId: pathname.slice(1) });
  });

describe('stream', () => {
  test('gives what was told before and what comes, to whom it is for', async () => {
    const alerts = await telling(['ada', 'bob']);
    const [first] = await alerts.checkAndAlert('orch', at(81));
    const ada = alerts.stream('ada');
    const carl = alerts.stream('carl');
    const [second] = await alerts.checkAndAlert('orch', at(91));
    const events = await take(ada, 2);
    expect(events.map(({ payload }) => payload.id)).toEqual([first?.id, second?.id]);
    expect(events[1]?.payload).toEqual({
      id: second?.id,
      userIds: ['ada'],
      title: '[WARNING] Budget Alert: 91.0% Used',
      message: second?.message,
      level: 'warning',
      actions: [
        { label: 'Acknowledge', action: 'acknowledge' },
        { label: 'View Details', action: 'view', url: `/alerts/${second?.id}` },
      ],
      desktop: false,
      data: { orchestratorId: 'orch' },
    });
    await alerts.close();
    expect(await carl.next()).toEqual({ done: true, value: undefined });
    expect(await ada.next()).toEqual({ done: true, value: undefined });
  });

  test('goes on after lastEventId, within the buffer', async () => {
    const alerts = await telling(['ada'], { inApp: { bufferSize: 3 } });
    for (let index = 0; index < 5; index++) await alerts.checkAndAlert('orch', at(81 + index));
    const titles = async (lastEventId?: string, count = 3) => {
      const stream = alerts.stream('ada', lastEventId === undefined ? {} : { lastEventId });
      const events = await take(stream, count);
      await stream.return?.();
      return events;
    };
    const kept = await titles();
    expect(kept.map(({ payload }) => payload.title.slice(-10, -5))).toEqual(['83.0%', '84.0%', '85.0%']);
    expect(await titles(kept[0]?.id, 2)).toEqual(kept.slice(1));
    // Of another process: nobody knows what was missed.
    expect(await titles('deadbeef-99')).toEqual(kept);
    const waiting = alerts.stream('ada', { lastEventId: kept[2]?.id ?? '' });
    const next = waiting.next();
    await alerts.checkAndAlert('orch', at(99));
    expect((await next).value).toMatchObject({ payload: { title: '[WARNING] Budget Alert: 99.0% Used' } });
  });

  test('what has expired is not told to whoever comes later', async () => {
    const alerts = await telling(['ada'], {}, { persistFor: 0, desktopNotification: true });
    const early = alerts.stream('ada');
    await alerts.checkAndAlert('orch', at(81));
    expect((await take(early, 1))[0]?.payload).toMatchObject({ desktop: true, expiresAt: expect.any(Date) });
    const late = alerts.stream('ada');
    const next = late.next();
    await alerts.close();
    expect((await next).done).toBe(true);
  });

  test('whoever does not read is sent away, and the others are told', async () => {
    const alerts = await telling(['ada'], { inApp: { bufferSize: 10 } });
    const slow = alerts.stream('ada');
    const fast = alerts.stream('ada');
    let read = 0;
    const reading = (async () => {
      for await (const _event of fast) read += 1;
    })();
    await Promise.all(Array.from({ length: 1001 }, () => alerts.checkAndAlert('orch', at(90))));
    expect((await take(slow, 1000)).length).toBe(1000);
    await expect(slow.next()).rejects.toMatchObject({ code: 'LINE_FULL' });
    expect(await slow.next()).toEqual({ done: true, value: undefined });
    await alerts.close();
    await reading;
    expect(read).toBe(1001);
  });

  test('ends with its signal, and makes room', async () => {
    const alerts = await telling(['ada'], { inApp: { maxReaders: 1 } });
    const ending = new AbortController();
    const stream = alerts.stream('ada', { signal: ending.signal });
    expect(() => alerts.stream('bob')).toThrow(expect.objectContaining({ code: 'LINE_FULL' }));
    const next = stream.next();
    ending.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    await alerts.stream('bob').return?.();
    alerts.stream('carl');
  });

  test.each<[string, () => unknown, string]>([
    ['no user', () => new BudgetAlertSystem().stream(''), 'userId'],
    [
      'an id that is no text',
      () => new BudgetAlertSystem().stream('a', { lastEventId: 7 as never }),
      'options.lastEventId',
    ],
    [
      'a signal that is none',
      () => new BudgetAlertSystem().stream('a', { signal: {} as never }),
      'options.signal',
    ],
  ])('%s is refused', (_what, call, field) => {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', field }));
  });
});

describe('server-sent events', () => {
  test('arrive, with heartbeats', async () => {
    const alerts = await telling(['ada'], { inApp: { heartbeatMs: 20 } });
    const { url } = await serve(alerts);
    const [alert] = await alerts.checkAndAlert('orch', at(81));
    const { events, response } = await read(`${url}/ada`, 1, {}, 2);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(events).toMatchObject([{ event: 'alert', id: expect.stringMatching(/^[0-9a-f]{8}-1$/) }]);
    expect(JSON.parse(events[0]?.data ?? '')).toMatchObject({ id: alert?.id, userIds: ['ada'] });
  });

  test('go on after Last-Event-ID', async () => {
    const alerts = await telling(['ada']);
    const { url } = await serve(alerts);
    for (const percentage of [81, 82, 83]) await alerts.checkAndAlert('orch', at(percentage));
    const { events } = await read(`${url}/ada`, 3);
    const rest = await read(`${url}/ada`, 2, { 'last-event-id': events[0]?.id ?? '' });
    expect(rest.events).toEqual(events.slice(1));
  });

  test('a reader that does not read is sent away, and nothing piles up', async () => {
    const alerts = system();
    const messageTemplate = 'x'.repeat(9000);
    const rateLimit = { maxAlertsPerThreshold: 1_000_000, windowMs: 60_000 };
    const thresholds = [{ percentage: 1, level: 'info' as never, messageTemplate }];
    await alerts.configureAlerts(config({ thresholds, rateLimit, channels: [inApp('ada')] }));
    const server = await serve(alerts);
    const socket = connect(server.port, '127.0.0.1');
    let isGone = false;
    socket.on('error', () => {});
    await new Promise<void>(resolve => {
      socket.once('connect', resolve);
    });
    socket.write('GET /ada HTTP/1.1\r\nhost: a\r\n\r\n');
    await new Promise(resolve => {
      socket.once('readable', resolve);
    });
    for (const one of server.sockets) one.once('close', () => (isGone = true));
    await eventually('it was sent away', async () => {
      await Promise.all(Array.from({ length: 200 }, () => alerts.checkAndAlert('orch', at(90))));
      return isGone ? true : undefined;
    });
    socket.destroy();
  });

  test('whoever goes makes room; more than there may be are refused', async () => {
    const alerts = await telling(['ada'], { inApp: { maxReaders: 1 } });
    await alerts.checkAndAlert('orch', at(81));
    const { url } = await serve(alerts);
    const ending = new AbortController();
    const first = await fetch(`${url}/ada`, { signal: ending.signal });
    expect(first.status).toBe(200);
    expect(await ask(`${url}/ada`)).toMatchObject({ status: 503, text: 'Too many read already\n' });
    ending.abort();
    await eventually('there is room again', async () => {
      const { events } = await read(`${url}/ada`, 1);
      return events.length === 1 ? true : undefined;
    });
    expect(await ask(`${url}/ada`, { method: 'POST' })).toMatchObject({ status: 405 });
  });

  test('end with close', async () => {
    const alerts = await telling(['ada']);
    const { url } = await serve(alerts);
    const response = await fetch(`${url}/ada`);
    await alerts.close();
    expect(await response.text()).toBe('retry: 1000\n\n');
    expect(await ask(`${url}/ada`)).toMatchObject({ status: 503, text: 'Closed\n' });
  });
});
