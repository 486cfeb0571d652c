/** E-mail, to servers on this host: plain, with TLS, with a password; those that refuse, hang and lie. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AlertDeliveryResult, AlertLevel, type BudgetAlertSystem } from '@wundr.io/token-budget/alerts';
import { eventually, HOST, start, type TemporaryFolder, temporaryFolder } from '../support/system';
import { type Certificates, makeCertificates } from '../support/tls';
import { at, closeAll, config, email, publishedSystem, system } from './helpers';
import { endMailServers, type Mail, mailServer, silentServer } from './mail-servers';

let folder: TemporaryFolder;
let certificates: Certificates;
let tls: { cert: string; key: string };

beforeAll(() => {
  folder = temporaryFolder('mail');
  certificates = makeCertificates(folder.path);
  const { serverCert, serverKey } = certificates.files;
  tls = { cert: readFileSync(serverCert, 'utf8'), key: readFileSync(serverKey, 'utf8') };
});
afterAll(() => folder.remove());
afterEach(async () => {
  jest.restoreAllMocks();
  await closeAll();
  await endMailServers();
});

const USER = 'alerts@example.com';
const PASS = 'correct-horse-battery';
const onAuth = (
  { username, password }: { username?: string | undefined; password?: string | null | undefined },
  _session: unknown,
  answer: (error: Error | null, response?: { user: string }) => void,
) =>
  username === USER && password === PASS
    ? answer(null, { user: username })
    : answer(new Error(`no: ${username} ${password}`));

async function send(
  smtp: object | undefined,
  more: object = {},
  options: Parameters<typeof system>[0] = {},
): Promise<AlertDeliveryResult['results'][0] & { alerts: BudgetAlertSystem }> {
  const results: AlertDeliveryResult[] = [];
  const alerts = system({ ...options, onDelivery: result => results.push(result) });
  await alerts.configureAlerts(config({ channels: [email(smtp, more)] }));
  await alerts.checkAndAlert('orch', at(82.5));
  const [outcome] = results[0]?.results ?? [];
  if (outcome === undefined) throw new Error('no outcome');
  return { ...outcome, alerts };
}

/** The decoded part of a mail with this content type. */
function part({ source }: Mail, type: 'text/plain' | 'text/html'): string {
  const [, ...parts] = source.split(new RegExp(`content-type: ${type}`, 'i'));
  const [head = '', ...body] = (parts[0] ?? '').split('\r\n\r\n');
  const text = (body.join('\r\n\r\n').split('\r\n--')[0] ?? '').replaceAll('\r\n', '\n');
  if (/base64/i.test(head)) return Buffer.from(text, 'base64').toString();
  if (!/quoted-printable/i.test(head)) return text;
  const bytes = text
    .replace(/=\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_found, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}

const words = (text: string) => text.trim().replace(/\s+/g, ' ');

test('plain: the text and the HTML that the published class prints', async () => {
  const server = await mailServer();
  const printed: Array<{ html: string; text: string; subject: string }> = [];
  jest.spyOn(console, 'log').mockImplementation((_label, payload) => printed.push(payload));
  const published = new (publishedSystem())();
  await published.configureAlerts(config({ channels: [email(undefined)] }));
  await published.checkAndAlert('orch', at(82.5));

  const smtp = { host: server.host, port: server.port, secure: false };
  const outcome = await send(smtp, { cc: ['boss@example.com'] });
  expect(outcome).toMatchObject({ success: true, metadata: { attempts: 1, accepted: 2, rejected: 0 } });
  const [mail] = server.mails as [Mail];
  expect(mail).toMatchObject({ from: 'budget@example.com', to: ['ops@example.com', 'boss@example.com'] });
  expect(mail.source).toContain('Auto-Submitted: auto-generated');
  expect(mail.source).toContain(`Subject: ${printed[0]?.subject}`);
  expect(words(part(mail, 'text/plain'))).toBe(words(printed[0]?.text ?? ''));
  expect(words(part(mail, 'text/html'))).toBe(words(printed[0]?.html ?? ''));
});

test('STARTTLS with a password; the server of the system', async () => {
  const server = await mailServer({ ...tls, onAuth });
  const smtp = {
    host: HOST,
    port: server.port,
    secure: false,
    auth: { user: USER, pass: PASS },
    ca: certificates.ca,
  };
  expect(await send(undefined, {}, { smtp })).toMatchObject({ success: true });
  expect(server.mails).toMatchObject([{ secure: true, user: USER }]);
});

test('TLS from the first byte', async () => {
  const server = await mailServer({ ...tls, secure: true });
  const smtp = { host: HOST, port: server.port, secure: true, ca: certificates.ca };
  expect(await send(smtp)).toMatchObject({ success: true });
  expect(server.mails).toMatchObject([{ secure: true }]);
  const other = { ...smtp, rejectUnauthorized: false, ca: undefined };
  expect(await send(JSON.parse(JSON.stringify(other)))).toMatchObject({ success: true });
});

test('a certificate of nobody known is refused', async () => {
  for (const secure of [true, false]) {
    const server = await mailServer({ ...tls, secure });
    const outcome = await send({ host: HOST, port: server.port, secure });
    expect(outcome).toMatchObject({ success: false, error: expect.stringMatching(/connection failed|TLS/) });
    expect(server.mails).toEqual([]);
  }
});

test('a password is not sent in the clear, unless that is asked for', async () => {
  const server = await mailServer({ onAuth, allowInsecureAuth: true });
  const smtp = { host: HOST, port: server.port, secure: false, auth: { user: USER, pass: PASS } };
  expect(await send(smtp)).toMatchObject({ success: false, error: expect.stringContaining('no TLS') });
  expect(server.mails).toEqual([]);
  expect(await send({ ...smtp, requireTls: false })).toMatchObject({ success: true });
});

test('a wrong password is refused once, and told without it', async () => {
  const server = await mailServer({ ...tls, onAuth });
  const auth = { user: USER, pass: 'wrong-password' };
  const smtp = { host: HOST, port: server.port, secure: false, auth, ca: certificates.ca };
  const outcome = await send(smtp, {}, { webhooks: { maxAttempts: 3, base: 1 } });
  expect(outcome).toMatchObject({
    success: false,
    error: 'the server refused the user or the password (535)',
    metadata: { attempts: 1, status: 535 },
  });
});

test('a server that is busy is asked again; one that refuses is not', async () => {
  let asked = 0;
  const refusing = (responseCode: number, times: number) => ({
    onRcptTo(_address: unknown, _session: unknown, answer: (error?: Error | null) => void) {
      asked += 1;
      answer(asked <= times ? Object.assign(new Error('not now'), { responseCode }) : null);
    },
  });
  const busy = await mailServer(refusing(451, 1));
  const patient = { webhooks: { maxAttempts: 3, base: 1 } };
  const smtp = (port: number) => ({ host: HOST, port, secure: false });
  expect(await send(smtp(busy.port), {}, patient)).toMatchObject({
    success: true,
    metadata: { attempts: 2 },
  });
  asked = 0;
  const refused = await mailServer(refusing(550, 9));
  expect(await send(smtp(refused.port), {}, patient)).toMatchObject({
    error: 'the server refused the sender or all recipients (550)',
    metadata: { attempts: 1 },
  });
});

test.each([
  ['says nothing', () => silentServer()],
  ['hangs up', () => silentServer(socket => socket.destroy())],
  ['speaks otherwise', () => silentServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))],
])('a server that %s', async (_what, make) => {
  const port = await make();
  const outcome = await send({ host: HOST, port, secure: false }, {}, { webhooks: { timeout: 300 } });
  expect(outcome.success).toBe(false);
  expect(outcome.error).toMatch(
    /^the (?:server did not|connection failed|answer of the server|message could not)/,
  );
});

test('no server at all', async () => {
  expect(await send(undefined)).toMatchObject({
    error: 'no server: neither the channel nor the system has an smtp',
    metadata: { attempts: 1 },
  });
});

test('nothing that came from elsewhere is markup or a header', async () => {
  const server = await mailServer();
  const alerts = system();
  const smtp = { host: server.host, port: server.port, secure: false };
  const messageTemplate = `<script>alert("1")</script> & 'two' {tokensUsed}`;
  await alerts.configureAlerts(
    config({
      orchestratorId: 'a\r\nBcc: evil@example.com',
      thresholds: [{ percentage: 1, level: AlertLevel.EMERGENCY, messageTemplate }],
      channels: [email(smtp, { subjectTemplate: '{level} {orchestratorId} {percentage}%' })],
      timezone: 'Europe/Zurich',
    }),
  );
  await alerts.checkAndAlert('a\r\nBcc: evil@example.com', at(82.5));
  const [mail] = server.mails as [Mail];
  expect(mail.to).toEqual(['ops@example.com']);
  expect(mail.source).toMatch(/^Subject: emergency a Bcc: evil@example.com 82.5%\r$/m);
  const html = part(mail, 'text/html');
  expect(html).not.toContain('<script>');
  expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;two&#39; 82500');
  expect(html).toMatch(/<td[^>]*>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\+[12]<\/td>/);
});

test('connections are kept for the next mail, and closed by close', async () => {
  const server = await mailServer();
  const { alerts } = await send({ host: server.host, port: server.port, secure: false });
  expect(server.connections()).toBe(1);
  await alerts.close();
  await eventually('the connection is closed', () => (server.connections() === 0 ? true : undefined));
});

test.each([false, true])('a process that never closes ends by itself (TLS: %s)', async secure => {
  const server = await mailServer(secure ? { ...tls, secure } : {});
  const entry = JSON.stringify(resolve(__dirname, '../../dist/alerts.js'));
  const smtp = { host: HOST, port: server.port, secure, rejectUnauthorized: false };
  const given = JSON.stringify(config({ channels: [email(smtp)] }));
  const script = `const { BudgetAlertSystem } = require(${entry}); (async () => {
    const alerts = new BudgetAlertSystem({ escalateAfterMs: 60_000, webhooks: { allow: ['${HOST}'] } });
    await alerts.configureAlerts(${given});
    // Nothing of ours holds the process while it waits.
    const hold = setTimeout(() => {}, 20_000);
    const [alert] = await alerts.checkAndAlert('orch', ${JSON.stringify(at(90))});
    clearTimeout(hold);
    console.log(alert.channels.join());
  })();`;
  const child = await start(process.execPath, ['-e', script], { cwd: join(__dirname, '../..') });
  const began = Date.now();
  expect(await child.ended).toBe(0);
  // An idle connection that held it would do so for `timeout`, 15 s.
  expect(Date.now() - began).toBeLessThan(14_000);
  expect(child.output()).toBe('email\n');
});

describe('servers on private networks', () => {
  const OPTION = /webhooks\.allow or webhooks\.allowPrivateAddresses allow it$/;
  const resolving = (address: string) => ({ lookup: async () => [address] });
  const private_ = { allow: [], allowPrivateAddresses: false };

  test.each(['127.0.0.1', '10.1.2.3', '169.254.169.254', '::1', 'localhost', 'metadata.google.internal'])(
    '%s is refused when it is configured, and the option that allows it is named',
    async host => {
      const smtp = { host, port: 25, secure: false };
      const alerts = system({ webhooks: private_ });
      await expect(alerts.configureAlerts(config({ channels: [email(smtp)] }))).rejects.toMatchObject({
        ...{ code: 'INVALID_CONFIG', field: 'channels[0].config.smtp.host' },
        message: expect.stringMatching(OPTION),
      });
      expect(() => system({ smtp, webhooks: private_ })).toThrow(
        expect.objectContaining({
          ...{ code: 'INVALID_CONFIG', field: 'smtp.host', message: expect.stringMatching(OPTION) },
        }),
      );
    },
  );

  test('a name that resolves to one is not connected to, and not tried again', async () => {
    const server = await mailServer();
    const smtp = { host: 'mail.internal', port: server.port, secure: false };
    const webhooks = { ...private_, ...resolving('127.0.0.1'), maxAttempts: 3, base: 1 };
    for (const outcome of [
      await send(smtp, {}, { webhooks }),
      await send(undefined, {}, { smtp, webhooks }),
    ]) {
      expect(outcome).toMatchObject({
        ...{ success: false, error: expect.stringMatching(OPTION), metadata: { attempts: 1 } },
      });
    }
    expect([server.mails.length, server.connections()]).toEqual([0, 0]);
  });

  test.each([
    ['allow names the host', { allow: ['mail.internal'] }],
    ['allow has the address', { allow: ['127.0.0.0/8'] }],
    ['allowPrivateAddresses', { allow: [], allowPrivateAddresses: true }],
  ])('%s: it is delivered', async (_what, allowed) => {
    const server = await mailServer();
    const smtp = { host: 'mail.internal', port: server.port, secure: false };
    const outcome = await send(smtp, {}, { webhooks: { ...allowed, ...resolving('127.0.0.1') } });
    expect(outcome).toMatchObject({ success: true });
    expect(server.mails).toHaveLength(1);
  });
});

test('without nodemailer, an e-mail channel is refused by its name', async () => {
  jest.resetModules();
  jest.doMock('nodemailer', () => {
    throw new Error('Cannot find module');
  });
  const { BudgetAlertSystem: Without } = require('@wundr.io/token-budget/alerts');
  const smtp = { host: HOST, port: 25, secure: false };
  const alerts = new Without({ webhooks: { allow: [HOST] } });
  await expect(alerts.configureAlerts(config({ channels: [email(smtp)] }))).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    field: 'channels[0].type',
    message: expect.stringContaining('npm install nodemailer'),
  });
  await alerts.configureAlerts(config());
  await alerts.close();
  jest.dontMock('nodemailer');
});
