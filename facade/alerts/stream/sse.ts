/** Notifications as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TokenBudgetError } from '../../errors';
import type { Feed, Note } from './feed';

/** Unsent text of a reader that is too slow; then it is sent away, and comes back with its last id by itself. */
const BACKLOG_MAX_BYTES = 4_194_304;
/** The browser waits so long before it comes back. */
const RETRY_MS = 1000;

export interface SseOptions {
  userId: string;
  lastEventId: string | undefined;
  heartbeatMs: number;
}

/** Answers `request` until it goes, is too slow, or the feed closes. */
export function serveEvents(
  feed: Feed,
  request: IncomingMessage,
  response: ServerResponse,
  { userId, lastEventId, heartbeatMs }: SseOptions,
): void {
  response.on('error', () => {});
  // It went before we were asked.
  if (response.closed || response.destroyed || request.socket.destroyed) return;
  if (request.method !== 'GET') {
    response.setHeader('allow', 'GET');
    refuse(response, 405, 'Only GET');
    return;
  }
  const written: string[] = [];
  let isOpen = false;
  const write = (text: string) => {
    if (!isOpen) written.push(text);
    else if (response.writableLength > BACKLOG_MAX_BYTES) response.destroy();
    else response.write(text);
  };
  let leave: () => void;
  try {
    leave = feed.read(userId, lastEventId ?? headerOf(request), {
      take: note => write(textOf(note)),
      end: () => response.end(),
    });
  } catch (error) {
    if (!(error instanceof TokenBudgetError)) throw error;
    refuse(response, 503, 'Too many read already');
    return;
  }
  const heartbeat = setInterval(() => write(':\n\n'), heartbeatMs).unref();
  response.once('close', () => {
    clearInterval(heartbeat);
    leave();
  });
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  isOpen = true;
  response.write(`retry: ${RETRY_MS}\n\n${written.join('')}`);
}

/** The text has no line break but ours: JSON has none. */
function textOf({ id, json }: Note): string {
  return `id: ${id}\nevent: alert\ndata: ${json}\n\n`;
}

function headerOf(request: IncomingMessage): string | undefined {
  const value = request.headers['last-event-id'];
  return typeof value === 'string' ? value : undefined;
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${text}\n`);
}
