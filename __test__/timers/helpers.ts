import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CoordinatorOptions,
  createTokenCoordinator,
  type TimerExpiredEvent,
  type TokenCoordinator,
} from '@wundr.io/token-budget/timers';

/** Where fake time begins: a Wednesday in January, UTC. */
export const NOON = Date.UTC(2026, 0, 14, 12, 0, 0);
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const open = new Set<TokenCoordinator>();

export function coordinator(options: CoordinatorOptions = {}): TokenCoordinator {
  const made = createTokenCoordinator({ defaultTimeZone: 'UTC', ...options });
  open.add(made);
  return made;
}

export async function closeAll(): Promise<void> {
  await Promise.all([...open].map(one => one.close({ timeout: 0 })));
  open.clear();
}

/** Each test of the file begins at {@link NOON}, and its coordinators are closed after it. */
export function useFakeTime(now = NOON): void {
  beforeEach(() => {
    jest.useFakeTimers({ now });
  });
  afterEach(async () => {
    jest.useRealTimers();
    await closeAll();
  });
}

/** Lets fake time go by. */
export const advance = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

/** What has fired so far. */
export function fired(of: TokenCoordinator): TimerExpiredEvent[] {
  const events: TimerExpiredEvent[] = [];
  of.on('timer:expired', event => {
    events.push(event);
  });
  return events;
}

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: { type: string; data: Record<string, unknown> };
}

/** A receiver of webhooks on this host. */
export async function receiver(answer: (received: Received, number: number) => number | Promise<number>) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const one = {
        path: request.url ?? '',
        headers: request.headers,
        body: JSON.parse(Buffer.concat(chunks).toString()),
      };
      received.push(one);
      response.writeHead(await answer(one, received.length)).end();
    });
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise(resolve => {
        server.close(resolve);
      });
    },
  };
}
