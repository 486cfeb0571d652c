/** Receivers of webhooks that behave and misbehave, on this host. */
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { HOST } from '../support/system';

const built = (name: string) => require(join(__dirname, '../../dist/timers/webhooks', name));
export const { WebhookSender } = built('sender') as typeof import('../../facade/timers/webhooks/sender');
export type WebhookSender = InstanceType<typeof WebhookSender>;
export const { retryInMs } = built('schedule') as typeof import('../../facade/timers/webhooks/schedule');
export const addresses = built(
  'special-addresses',
) as typeof import('../../facade/timers/webhooks/special-addresses');
export const ip = built('ip') as typeof import('../../facade/timers/webhooks/ip');

type Options = ConstructorParameters<typeof WebhookSender>[0];

const closing: Array<() => Promise<unknown>> = [];

/** Ends what was made here. For `afterEach`. */
export async function endAll(): Promise<void> {
  await Promise.all(closing.splice(0).map(end => end()));
}

/** May send to this host, and waits for nobody long. */
export function sender(options: Options = {}, now: () => number = Date.now): WebhookSender {
  const made = new WebhookSender({ allow: ['127.0.0.1'], ...options }, now);
  closing.push(() => made.close());
  return made;
}

export const letter = (url: string, body = '{"type":"timer.expired"}', id = '0-abc.0') => ({
  id,
  url,
  body,
  attempt: 1,
});

export interface Receiver {
  url: string;
  port: number;
  /** Connections that were ever made. */
  connections: number;
  /** Those that are open. */
  sockets: Set<Socket>;
}

async function listen(server: Server, scheme: string, host: string): Promise<Receiver> {
  const sockets = new Set<Socket>();
  await new Promise<void>(resolve => {
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = { url: `${scheme}://${host}:${port}`, port, connections: 0, sockets };
  server.on('connection', (socket: Socket) => {
    receiver.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise(resolve => {
      server.close(resolve);
    });
  });
  return receiver;
}

export function httpReceiver(answer: RequestListener, host = HOST): Promise<Receiver> {
  return listen(createServer(answer), 'http', host);
}

export function httpsReceiver(
  tls: { cert: string; key: string },
  answer: RequestListener,
): Promise<Receiver> {
  return listen(createSecureServer(tls, answer), 'https', HOST);
}

/** Handles each connection by hand. */
export function rawReceiver(handle: (socket: Socket) => void): Promise<Receiver> {
  return listen(createTcpServer(handle), 'http', HOST);
}

/** Waits for a whole request, whose body is not looked at, and then for the next one. */
export function onRequest(socket: Socket, handle: (number: number) => void): void {
  let number = 0;
  let text = '';
  socket.on('data', chunk => {
    text += chunk.toString('latin1');
    for (;;) {
      const head = text.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (text.length < head + 4 + length) return;
      text = text.slice(head + 4 + length);
      number += 1;
      handle(number);
    }
  });
}

export interface Arrived {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Remembers what arrives, and answers with what `answer` says. */
export async function recorder(
  answer: (
    arrived: Arrived,
    number: number,
  ) => [status: number, headers?: Record<string, string>, body?: string],
) {
  const arrived: Arrived[] = [];
  const receiver = await httpReceiver((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const one = { method, path, headers, body: Buffer.concat(chunks).toString() };
      arrived.push(one);
      const [status, told, body] = answer(one, arrived.length);
      response.writeHead(status, told).end(body);
    });
  });
  return { ...receiver, arrived };
}
