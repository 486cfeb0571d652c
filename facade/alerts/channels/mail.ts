/** E-mail, by nodemailer, which is installed by those only who send some. */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { TokenBudgetError } from '../../errors';
import { failure, type SendFailure } from '../../timers/webhooks/failure';
import { type ConnectLookup, checkedLookup } from '../../timers/webhooks/lookup';
import type { WebhookSettings } from '../../timers/webhooks/options';
import type { Email } from '../channel-config';
import { REFUSED_HOST, type Smtp } from '../smtp-config';
import { type Attempt, type Courier, type Letter, unlessAborted } from './courier';
import { htmlOf, subjectOf, textOf } from './mail-text';

/** Of nodemailer, what is used of it. */
interface Transport {
  sendMail(mail: object): Promise<{ accepted?: unknown[]; rejected?: unknown[] }>;
  on(event: 'error', listener: () => void): unknown;
  close(): void;
}

type Connected = (error: Error | null, options?: { connection: Socket }) => void;

/** Connections to one server, kept while mails come one after the other. */
const CONNECTIONS_MAX = 5;
/** Servers that connections are kept to; the one that was used longest ago is left for another. */
const SERVERS_MAX = 50;

/**
 * Where mail may go, and how long is waited, as for webhooks; `timeoutMs`: of a server that says nothing. Hosts that need no
 * looking up were checked when they were configured.
 */
type MailSettings = Pick<WebhookSettings, 'rules' | 'lookup' | 'connectTimeoutMs' | 'timeoutMs'>;

export class Mailers {
  readonly #settings: MailSettings;
  readonly #lookup: ConnectLookup;
  readonly #transports = new Map<string, Transport>();

  constructor(settings: MailSettings) {
    this.#settings = settings;
    this.#lookup = checkedLookup(settings.rules, settings.lookup);
  }

  courier(to: Email, fallback: Smtp | undefined, letter: Letter): Courier {
    const mail = {
      from: to.from,
      to: [...to.recipients],
      cc: [...to.cc],
      subject: subjectOf(to.subjectTemplate, letter.alert),
      text: textOf(letter),
      html: htmlOf(letter),
      // That no automatic answer comes (RFC 3834).
      headers: { 'Auto-Submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
    };
    return { retries: undefined, attempt: signal => this.#attempt(to.smtp ?? fallback, mail, signal) };
  }

  /** Ends connections, and what is under way. */
  close(): void {
    for (const transport of this.#transports.values()) transport.close();
    this.#transports.clear();
  }

  async #attempt(smtp: Smtp | undefined, mail: object, signal: AbortSignal): Promise<Attempt> {
    if (smtp === undefined) {
      return { ...failure('no server: neither the channel nor the system has an smtp'), isPermanent: true };
    }
    try {
      const { accepted, rejected } = await unlessAborted(this.#to(smtp).sendMail(mail), signal);
      return { ok: true, metadata: { accepted: accepted?.length ?? 0, rejected: rejected?.length ?? 0 } };
    } catch (error) {
      signal.throwIfAborted();
      return failureOf(error);
    }
  }

  #to(smtp: Smtp): Transport {
    const key = JSON.stringify(smtp);
    const transport = this.#transports.get(key) ?? this.#open(smtp);
    this.#transports.delete(key);
    this.#transports.set(key, transport);
    if (this.#transports.size > SERVERS_MAX) {
      const [[oldest, unused] = []] = this.#transports;
      unused?.close();
      this.#transports.delete(oldest ?? key);
    }
    return transport;
  }

  #open({ host, port, secure, auth, requireTls, ca, rejectUnauthorized, servername }: Smtp): Transport {
    const { connectTimeoutMs, timeoutMs } = this.#settings;
    const transport = nodemailer().createTransport({
      ...{ host, port, secure, auth, requireTLS: requireTls && !secure },
      ...{ pool: true, maxConnections: CONNECTIONS_MAX, maxRequeues: 0 },
      ...{ connectionTimeout: connectTimeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs },
      ...{ disableFileAccess: true, disableUrlAccess: true, logger: false },
      tls: {
        rejectUnauthorized,
        minVersion: 'TLSv1.2',
        ...(ca.length > 0 && { ca: [...ca] }),
        ...(servername !== undefined && { servername }),
      },
      getSocket: (_options: object, connected: Connected) =>
        open({ host, port, lookup: this.#lookup }, connectTimeoutMs, connected),
    });
    // Of a connection that nobody uses.
    transport.on('error', () => {});
    return transport;
  }
}

/** A connection that does not hold the process, however long it is kept. */
function open(to: TcpNetConnectOpts, timeoutMs: number, connected: Connected): void {
  const socket = connect(to);
  socket.unref();
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }));
  }, timeoutMs).unref();
  const failed = (error: Error) => {
    clearTimeout(timer);
    connected(error);
  };
  socket.once('error', failed);
  socket.once('connect', () => {
    clearTimeout(timer);
    socket.off('error', failed);
    connected(null, { connection: socket });
  });
}

/** Throws `INVALID_CONFIG` at `at` when it is not installed. */
export function requireNodemailer(at: string): void {
  try {
    nodemailer();
  } catch (cause) {
    const message = `${at}: expected the package nodemailer, which cannot be loaded (npm install nodemailer)`;
    throw new TokenBudgetError('INVALID_CONFIG', message, { field: at, cause });
  }
}

function nodemailer(): { createTransport(options: object): Transport } {
  return require('nodemailer') as { createTransport(options: object): Transport };
}

/** What the codes of nodemailer mean. Answers of servers may quote addresses and passwords, and are left out. */
const REASONS: Readonly<Record<string, string>> = {
  EAUTH: 'the server refused the user or the password',
  ENOAUTH: 'the server wants a user and a password',
  EENVELOPE: 'the server refused the sender or all recipients',
  EMESSAGE: 'the server refused the message',
  ETLS: 'no TLS could be agreed on with the server',
  ESOCKET: 'the connection failed',
  ECONNECTION: 'the connection failed',
  EDNS: 'the name of the server could not be resolved',
  ETIMEDOUT: 'the server did not answer in time',
  EPROTOCOL: 'the answer of the server is not SMTP',
  ESTREAM: 'the message could not be sent',
};

function failureOf(error: unknown): SendFailure {
  const { code, responseCode } = (error ?? {}) as { code?: unknown; responseCode?: unknown };
  if (code === 'REFUSED_ADDRESS') return { ...failure(REFUSED_HOST), isPermanent: true };
  const reason = (typeof code === 'string' && REASONS[code]) || 'the message could not be sent';
  if (typeof responseCode !== 'number') {
    const shown = typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,49}$/.test(code) ? ` (${code})` : '';
    return failure(`${reason}${shown}`);
  }
  // 5xx: it would be refused again, as it is.
  return {
    ...failure(`${reason} (${responseCode})`, { status: responseCode }),
    isPermanent: responseCode >= 500,
  };
}
