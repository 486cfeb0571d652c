/** Mail servers on this host. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { HOST } from '../support/system';

export interface Mail {
  from: string;
  to: string[];
  /** As it came, header and body. */
  source: string;
  secure: boolean;
  user: string | undefined;
}

export interface MailServer {
  host: string;
  port: number;
  mails: Mail[];
  /** Connections that are open. */
  connections(): number;
}

const closing: Array<() => Promise<void>> = [];

export async function endMailServers(): Promise<void> {
  await Promise.all(closing.splice(0).map(end => end()));
}

export async function mailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: Mail[] = [];
  const sockets = new Set<Socket>();
  const server = new SMTPServer({
    disabledCommands: options.onAuth ? [] : ['AUTH'],
    authOptional: !options.onAuth,
    ...(options.key === undefined && {
      disabledCommands: options.onAuth ? ['STARTTLS'] : ['AUTH', 'STARTTLS'],
    }),
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', chunk => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          source: Buffer.concat(chunks).toString(),
          secure: session.secure,
          user: session.user as string | undefined,
        });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>(resolve => {
    server.listen(0, HOST, resolve);
  });
  closing.push(
    () =>
      new Promise(resolve => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  );
  const { port } = server.server.address() as AddressInfo;
  return { host: HOST, port, mails, connections: () => sockets.size };
}

/** Takes connections and says nothing, or what `handle` does. */
export async function silentServer(handle: (socket: Socket) => void = () => {}): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    handle(socket);
  });
  await new Promise<void>(resolve => {
    server.listen(0, HOST, resolve);
  });
  closing.push(
    () =>
      new Promise(resolve => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  );
  return (server.address() as AddressInfo).port;
}
