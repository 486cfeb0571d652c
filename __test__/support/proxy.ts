import { createServer, type Server, Socket } from 'node:net';
import { HOST } from './system';

/**
 * - `pass`: bytes go both ways.
 * - `drop-replies`: requests reach the server, its answers do not come back; the connection is cut
 *   as soon as the server has answered something. New connections are treated the same.
 * - `black-hole`: connections are accepted and stay, no byte goes either way.
 * - `cut`: connections are cut, new ones are closed at once.
 */
export type ProxyMode = 'pass' | 'drop-replies' | 'black-hole' | 'cut';

export interface TcpProxy {
  host: string;
  port: number;
  mode(): ProxyMode;
  setMode(mode: ProxyMode): void;
  /** Cuts what is connected now, in any mode. */
  cutConnections(): void;
  /**
   * From now on requests pass, and the first answer to a chunk of requests in which `text` occurs is
   * dropped and its connection cut; then everything passes again. Resolves when that has happened.
   */
  dropReplyTo(text: string): Promise<void>;
  connections(): number;
  /** Bytes sent by clients so far, whether or not they were passed on. */
  requestBytes(): number;
  stop(): Promise<void>;
}

interface Pair {
  client: Socket;
  upstream: Socket;
  awaited: boolean;
}

/** A TCP proxy to `target` that can lose what a network loses. `port`: the one to listen on, else a free one. */
export async function startProxy(target: { host?: string; port: number }, port = 0): Promise<TcpProxy> {
  let mode: ProxyMode = 'pass';
  let requestBytes = 0;
  let trap: { text: string; sprung: () => void } | undefined;
  const pairs = new Set<Pair>();

  const cut = (pair: Pair) => {
    pairs.delete(pair);
    pair.client.destroy();
    pair.upstream.destroy();
  };
  const cutConnections = () => {
    for (const pair of pairs) {
      cut(pair);
    }
  };

  const server = createServer({ noDelay: true, allowHalfOpen: false }, client => {
    if (mode === 'cut') {
      client.destroy();
      return;
    }
    const upstream = new Socket();
    const pair: Pair = { client, upstream, awaited: false };
    pairs.add(pair);
    for (const socket of [client, upstream]) {
      socket.on('error', () => cut(pair));
      socket.on('close', () => cut(pair));
    }
    upstream.setNoDelay(true);
    upstream.connect(target.port, target.host ?? HOST);
    client.on('data', chunk => {
      requestBytes += chunk.length;
      if (mode === 'black-hole') {
        return;
      }
      pair.awaited ||= trap !== undefined && chunk.includes(trap.text);
      upstream.write(chunk);
    });
    upstream.on('data', chunk => {
      if (mode === 'black-hole') {
        return;
      }
      if (pair.awaited) {
        const sprung = trap?.sprung;
        trap = undefined;
        cut(pair);
        sprung?.();
      } else if (mode === 'drop-replies') {
        cut(pair);
      } else {
        client.write(chunk);
      }
    });
  });
  await listen(server, port);

  return {
    host: HOST,
    port: (server.address() as { port: number }).port,
    mode: () => mode,
    setMode(next) {
      mode = next;
      if (next === 'cut') {
        cutConnections();
      }
    },
    cutConnections,
    dropReplyTo(text) {
      mode = 'pass';
      return new Promise(sprung => {
        trap = { text, sprung };
      });
    },
    connections: () => pairs.size,
    requestBytes: () => requestBytes,
    stop() {
      cutConnections();
      return new Promise(resolve => {
        server.close(() => resolve());
      });
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
}
