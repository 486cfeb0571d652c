/** One request, over Node's own HTTP, to an address that was checked. */
import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { ConnectLookup } from './lookup';

/** Of an answer so much is read, so that its connection can be used again; the rest is cut off. */
const BODY_MAX_BYTES = 65_536;
/** The answer is decided by its status; its body gets so long to end. */
const BODY_MAX_MS = 1000;
/** Of the headers of an answer. Node.js would break off at 16 KiB, and the status would not count. */
const HEADERS_MAX_BYTES = 262_144;
/** Idle connections of one host, and of all that speak the same scheme. */
const FREE_PER_HOST = 8;
const FREE_MAX = 256;
const IDLE_MS = 5000;

/** The time is over. */
export class PostTimeout extends Error {
  constructor(readonly of: 'connect' | 'answer') {
    super('timeout');
  }
}

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
}

export interface PosterOptions {
  lookup: ConnectLookup;
  ca: readonly string[];
  connectTimeoutMs: number;
  timeoutMs: number;
}

/** Of one request, where it differs. */
export interface PostOptions {
  method?: 'POST' | 'PUT' | undefined;
  timeoutMs?: number;
}

type Agents = Record<'http:' | 'https:', HttpAgent | HttpsAgent>;

/** Posts, keeping connections. None of them, and no timer, holds the process. */
export class Poster {
  readonly #options: PosterOptions;
  readonly #kept: Agents;
  /** For what must not meet a connection that the host has closed meanwhile. */
  readonly #fresh: Agents;

  constructor(options: PosterOptions) {
    this.#options = options;
    this.#kept = agents(options, true);
    this.#fresh = agents(options, false);
  }

  /** Rejects with {@link PostTimeout}, or with what the connection failed with; `signal` ends it. */
  async post(
    url: URL,
    headers: Record<string, string>,
    body: Buffer,
    signal: AbortSignal,
    { method = 'POST', timeoutMs = this.#options.timeoutMs }: PostOptions = {},
  ): Promise<Answer> {
    const beganMs = performance.now();
    const sent = { method, headers, body };
    try {
      return await this.#once(url, sent, signal, this.#kept, timeoutMs);
    } catch (error) {
      // The host closed an idle connection just when it was used again: nobody's fault, and no attempt.
      if (signal.aborted || !(error instanceof StaleConnection)) throw error;
      const leftMs = Math.max(1, timeoutMs - (performance.now() - beganMs));
      return await this.#once(url, sent, signal, this.#fresh, leftMs);
    }
  }

  /** Ends what is under way and idle. */
  close(): void {
    for (const agent of [...Object.values(this.#kept), ...Object.values(this.#fresh)]) agent.destroy();
  }

  #once(
    url: URL,
    { method, headers, body }: { method: string; headers: Record<string, string>; body: Buffer },
    signal: AbortSignal,
    by: Agents,
    timeoutMs: number,
  ): Promise<Answer> {
    const { lookup, connectTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const isSecure = url.protocol === 'https:';
      const request = http(isSecure).request(url, {
        method,
        agent: by[isSecure ? 'https:' : 'http:'] as HttpAgent,
        lookup: lookup as never,
        maxHeaderSize: HEADERS_MAX_BYTES,
        headers: { ...headers, 'content-length': body.length },
      });
      const end = (error: unknown) => request.destroy(error as Error);
      const connecting = later(connectTimeoutMs, () => end(new PostTimeout('connect')));
      const answering = later(timeoutMs, () => end(new PostTimeout('answer')));
      const abort = () => end(new Error('aborted'));
      signal.addEventListener('abort', abort, { once: true });
      const settle = () => {
        clearTimeout(connecting);
        clearTimeout(answering);
        signal.removeEventListener('abort', abort);
      };
      request.once('socket', socket => whenConnected(socket, isSecure, () => clearTimeout(connecting)));
      let isAnswered = false;
      // Also of a body that could not be sent to its end any more, when the answer is there already.
      request.on('error', error => {
        if (isAnswered) return;
        settle();
        reject(isStale(request.reusedSocket, error) ? new StaleConnection() : error);
      });
      request.once('response', response => {
        isAnswered = true;
        clearTimeout(answering);
        const answer = { status: response.statusCode ?? 0, headers: response.headers };
        drained(response).then(() => {
          settle();
          resolve(answer);
        });
      });
      // A protocol that nobody asked for.
      request.once('upgrade', ({ statusCode, headers: told }, socket) => {
        socket.destroy();
        settle();
        resolve({ status: statusCode ?? 0, headers: told });
      });
      // Whatever happens, somebody waits for an end.
      request.once('close', () => {
        if (isAnswered) return;
        settle();
        reject(new Error('closed'));
      });
      request.end(body);
    });
  }
}

class StaleConnection extends Error {}

function isStale(isReused: boolean, error: Error): boolean {
  const { code } = error as { code?: unknown };
  return isReused && (code === 'ECONNRESET' || code === 'EPIPE');
}

/** An idle connection is there already. None holds the process. */
function whenConnected(socket: Socket, isSecure: boolean, connected: () => void): void {
  socket.unref();
  if (
    !socket.connecting &&
    (!isSecure || (socket as { secureConnecting?: boolean }).secureConnecting !== true)
  ) {
    connected();
    return;
  }
  socket.once(isSecure ? 'secureConnect' : 'connect', connected);
}

/** Reads the body and drops it; what is too long or too slow is cut off. Resolves when the connection is free. */
function drained(response: IncomingMessage): Promise<void> {
  return new Promise(resolve => {
    let bytes = 0;
    const cut = () => response.destroy();
    const timer = later(BODY_MAX_MS, cut);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > BODY_MAX_BYTES) cut();
    });
    response.once('error', () => {});
    response.once('close', done);
    response.once('end', done);
  });
}

function later(ms: number, action: () => void): NodeJS.Timeout {
  const timer = setTimeout(action, ms);
  // Fake timers of tests may be numbers.
  if (typeof timer === 'object') timer.unref();
  return timer;
}

/** Loaded when the first webhook is sent. */
function http(isSecure: boolean): typeof import('node:http') {
  return (isSecure ? require('node:https') : require('node:http')) as typeof import('node:http');
}

function agents({ ca }: PosterOptions, keepAlive: boolean): Agents {
  const { Agent } = require('node:http') as typeof import('node:http');
  const { Agent: SecureAgent } = require('node:https') as typeof import('node:https');
  const options = { keepAlive, maxFreeSockets: FREE_PER_HOST, timeout: IDLE_MS, scheduling: 'lifo' as const };
  const plain = new Agent(options);
  const secure = new SecureAgent({
    ...options,
    rejectUnauthorized: true,
    ...(ca.length === 0 ? {} : { secureContext: contextWith(ca) }),
  });
  for (const agent of [plain, secure]) keepFew(agent);
  return { 'http:': plain, 'https:': secure };
}

/** Made once: to read all authorities for each connection would take longer than the connection. */
function contextWith(ca: readonly string[]): SecureContext {
  const tls = require('node:tls') as typeof import('node:tls');
  // Newer versions tell of those that the environment adds, too.
  const { getCACertificates } = tls as unknown as { getCACertificates?: (type: string) => string[] };
  const known = getCACertificates?.('default') ?? tls.rootCertificates;
  return tls.createSecureContext({ ca: [...known, ...ca] });
}

/** The agent bounds what is idle for each host; here it is bounded for all of them. */
function keepFew(agent: HttpAgent): void {
  const hooks = agent as unknown as { keepSocketAlive(socket: Socket): boolean };
  const keep = hooks.keepSocketAlive.bind(agent);
  hooks.keepSocketAlive = socket => {
    const idle = Object.values(agent.freeSockets).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);
    return idle < FREE_MAX && keep(socket);
  };
}
