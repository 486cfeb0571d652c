/** Just enough of Redis's protocol to ask one server for names. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export type Reply = string | number | null | Reply[];

export interface RespAddress {
  host: string;
  port: number;
  tls: {
    ca?: string | undefined;
    cert?: string | undefined;
    key?: string | undefined;
    rejectUnauthorized: boolean;
  } | null;
}

/** More than any answer that is asked for here. */
const REPLY_MAX_BYTES = 67_108_864;

/** One connection, one command at a time. Everything rejects when it fails or `signal` aborts. */
export class RespClient {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | null = null;
  #failure: Error | null = null;

  constructor(address: RespAddress, signal: AbortSignal) {
    const { host, port, tls } = address;
    this.#socket =
      tls === null
        ? connect({ host, port })
        : connectTls({
            host,
            port,
            rejectUnauthorized: tls.rejectUnauthorized,
            ...(/^[\d.:]+$/.test(host) ? {} : { servername: host }),
            ...(tls.ca !== undefined && { ca: tls.ca }),
            ...(tls.cert !== undefined && { cert: tls.cert }),
            ...(tls.key !== undefined && { key: tls.key }),
          });
    this.#signal = signal;
    this.#socket.on('data', data => this.#receive(data));
    this.#socket.on('error', error => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  readonly #abort = () => this.#fail(new Error('it took too long'));

  command(...parts: string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure);
      this.#waiting = { resolve, reject };
      const bulks = parts.map(part => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
      this.#socket.write(`*${parts.length}\r\n${bulks.join('')}`);
    });
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#abort);
    this.#socket.destroy();
  }

  #receive(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    try {
      if (this.#received.length > REPLY_MAX_BYTES) throw new Error('the answer is too long');
      const read = readReply(this.#received, 0);
      if (read === null) return;
      this.#received = this.#received.subarray(read.end);
      const waiting = this.#waiting;
      this.#waiting = null;
      if (read.reply instanceof Error) waiting?.reject(read.reply);
      else waiting?.resolve(read.reply);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#socket.destroy();
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }
}

/** `null`: there is more to come. */
export function readReply(bytes: Buffer, at: number): { reply: Reply | Error; end: number } | null {
  const line = bytes.indexOf('\r\n', at);
  if (line === -1) return null;
  const kind = String.fromCharCode(bytes[at] as number);
  const rest = bytes.toString('utf8', at + 1, line);
  const next = line + 2;
  switch (kind) {
    case '+':
      return { reply: rest, end: next };
    case '-':
      return { reply: new Error(rest), end: next };
    case ':':
      return { reply: Number(rest), end: next };
    case '$': {
      const length = Number(rest);
      if (length === -1) return { reply: null, end: next };
      const end = next + length + 2;
      return bytes.length < end ? null : { reply: bytes.toString('utf8', next, next + length), end };
    }
    case '*': {
      const items: Reply[] = [];
      let end = next;
      for (let left = Number(rest); left > 0; left -= 1) {
        const item = readReply(bytes, end);
        if (item === null) return null;
        if (item.reply instanceof Error) return { reply: item.reply, end: item.end };
        items.push(item.reply);
        end = item.end;
      }
      return { reply: items, end };
    }
    default:
      throw new Error('the answer is not that of a Redis server');
  }
}
