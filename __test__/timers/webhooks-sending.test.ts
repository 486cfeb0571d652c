/** How an attempt goes, with receivers that behave and misbehave. */
import { readFileSync } from 'node:fs';
import { eventually, HOST, start, type TemporaryFolder, temporaryFolder } from '../support/system';
import { type Certificates, makeCertificates } from '../support/tls';
import {
  endAll,
  httpReceiver,
  httpsReceiver,
  letter,
  onRequest,
  rawReceiver,
  recorder,
  retryInMs,
  sender,
} from './webhook-receivers';

let folder: TemporaryFolder;
let certificates: Certificates;
let tls: { cert: string; key: string };

beforeAll(() => {
  folder = temporaryFolder('webhooks');
  certificates = makeCertificates(folder.path);
  const { serverCert, serverKey } = certificates.files;
  tls = { cert: readFileSync(serverCert, 'utf8'), key: readFileSync(serverKey, 'utf8') };
});
afterAll(() => folder.remove());
afterEach(endAll);

const failed = (error: string | RegExp, more: object = {}) => ({
  ok: false,
  error: typeof error === 'string' ? error : expect.stringMatching(error),
  isPermanent: false,
  isGone: false,
  ...more,
});

test('posts JSON with its id and its time', async () => {
  const { url, arrived } = await recorder(() => [204]);
  const body = JSON.stringify({ text: 'Zürich, 東京, 🕰' });
  const result = await sender({}, () => 1_700_000_000_999).send(letter(`${url}/a/b?c=d#e`, body));
  expect(result).toEqual({ ok: true, status: 204 });
  expect(arrived).toEqual([
    {
      method: 'POST',
      path: '/a/b?c=d',
      body,
      headers: {
        host: url.slice(7),
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        'user-agent': expect.stringMatching(/^token-budget\/\d+\.\d+\.\d+/),
        'webhook-id': '0-abc.0',
        'webhook-timestamp': '1700000000',
        connection: 'keep-alive',
      },
    },
  ]);
});

test('ids that no header can carry arrive encoded, different ones differently', async () => {
  const { url, arrived } = await recorder(() => [200]);
  const one = sender();
  for (const id of ['0-ä b.0', '0-ä%20b.0', '0-a\r\nx: y.0', '0-plain~!.0'])
    await one.send(letter(url, '{}', id));
  expect(arrived.map(({ headers }) => headers['webhook-id'])).toEqual([
    '0-%C3%A4%20b.0',
    '0-%C3%A4%2520b.0',
    '0-a%0D%0Ax%3A%20y.0',
    '0-plain~!.0',
  ]);
});

test.each([200, 201, 202, 204, 299])('%i is a success', async status => {
  const { url } = await recorder(() => [status]);
  expect(await sender().send(letter(url))).toEqual({ ok: true, status });
});

test.each([400, 401, 403, 404, 405, 408, 409, 413, 422, 425, 429, 451, 500, 501, 502, 503, 504, 599])(
  '%i fails, and may be sent again',
  async status => {
    const { url } = await recorder(() => [status]);
    expect(await sender().send(letter(url))).toEqual(failed(`answered ${status}`, { status }));
  },
);

test('410 says that the address is gone', async () => {
  const { url } = await recorder(() => [410, { 'retry-after': '5' }]);
  expect(await sender().send(letter(url))).toEqual(failed(/^answered 410/, { status: 410, isGone: true }));
});

test.each([300, 301, 302, 303, 304, 307, 308])('%i is not followed', async status => {
  const aim = await recorder(() => [200]);
  const { url } = await recorder(() => [status, { location: aim.url }]);
  expect(await sender().send(letter(url))).toEqual(failed(/redirects are not followed/, { status }));
  expect(aim.arrived).toEqual([]);
});

describe('Retry-After', () => {
  const NOW = Date.UTC(2026, 0, 14, 12, 0, 0);
  test.each([
    ['seconds', { 'retry-after': '120' }, 120_000],
    [
      'a date, by the clock of the receiver',
      { 'retry-after': 'Wed, 14 Jan 2026 13:00:30 GMT', date: 'Wed, 14 Jan 2026 13:00:00 GMT' },
      30_000,
    ],
    ['nothing that can be read', { 'retry-after': 'soon' }, undefined],
    [
      'a date that is over',
      { 'retry-after': 'Wed, 14 Jan 2026 12:00:00 GMT', date: 'Wed, 14 Jan 2026 13:00:00 GMT' },
      undefined,
    ],
    ['nothing', {}, undefined],
  ])('%s', async (_what, headers, retryAfterMs) => {
    for (const status of [429, 503]) {
      const { url } = await recorder(() => [status, headers as Record<string, string>]);
      const told = retryAfterMs === undefined ? {} : { retryAfterMs };
      expect(await sender({}, () => NOW).send(letter(url))).toEqual(
        failed(`answered ${status}`, { status, ...told }),
      );
    }
  });
});

describe('connections', () => {
  test('are used again', async () => {
    const receiver = await recorder(() => [200, {}, 'x'.repeat(50_000)]);
    const one = sender();
    for (let index = 0; index < 5; index += 1) await one.send(letter(receiver.url));
    expect(receiver.sockets.size).toBe(1);
  });

  test('few are kept: eight of a host, 256 in all', async () => {
    const one = sender({ timeout: '60s', connectTimeout: '60s' });
    const receivers = await Promise.all(Array.from({ length: 40 }, () => recorder(() => [200])));
    const sending = receivers.flatMap(({ url }) => Array.from({ length: 10 }, () => one.send(letter(url))));
    for (const result of await Promise.all(sending)) expect(result).toEqual({ ok: true, status: 200 });
    await eventually('those beyond it are closed', () => {
      const open = receivers.map(({ sockets }) => sockets.size);
      const sum = open.reduce((total, each) => total + each, 0);
      return Math.max(...open) <= 8 && sum <= 256 ? true : undefined;
    });
  });

  test('one that the host closes just then costs no attempt', async () => {
    const receiver = await rawReceiver(socket => {
      onRequest(socket, number => {
        if (number === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        else socket.destroy();
      });
    });
    const one = sender();
    for (let index = 0; index < 4; index += 1) {
      expect(await one.send(letter(receiver.url))).toEqual({ ok: true, status: 200 });
    }
    expect(receiver.connections).toBeGreaterThan(1);
  });

  test('a host that is not there', async () => {
    const { url } = await rawReceiver(() => {});
    await endAll();
    expect(await sender().send(letter(url))).toEqual(failed('the host could not be reached (ECONNREFUSED)'));
  });

  test('a connection that never stands', async () => {
    // TCP is accepted, and TLS never answered.
    const { port } = await rawReceiver(() => {});
    const one = sender({ connectTimeout: 200, timeout: '20s' });
    expect(await one.send(letter(`https://${HOST}:${port}`))).toEqual(failed('no connection within 200 ms'));
  });

  test('a name that nobody answers for', async () => {
    const one = sender({ connectTimeout: 200, timeout: '20s', lookup: () => new Promise(() => {}) });
    expect(await one.send(letter('https://hooks.test/'))).toEqual(failed('no connection within 200 ms'));
  });

  test('a disconnect instead of an answer', async () => {
    const { url } = await rawReceiver(socket => onRequest(socket, () => socket.destroy()));
    expect(await sender().send(letter(url))).toEqual(failed('the host closed the connection (ECONNRESET)'));
  });

  test('a disconnect within the headers', async () => {
    const { url } = await rawReceiver(socket =>
      onRequest(socket, () => socket.end('HTTP/1.1 200 OK\r\ncontent-le')),
    );
    expect(await sender().send(letter(url))).toEqual(
      failed(/^(the host closed the connection|the answer is not HTTP)/),
    );
  });

  test('what is no HTTP', async () => {
    const { url } = await rawReceiver(socket =>
      onRequest(socket, () => socket.end('SSH-2.0-OpenSSH_9.6\r\n')),
    );
    expect(await sender().send(letter(url))).toEqual(failed(/^the answer is not HTTP \(HPE_/));
  });

  test('headers without an end', async () => {
    const { url } = await rawReceiver(socket =>
      onRequest(socket, () => socket.write(`HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(300)}`)),
    );
    expect(await sender().send(letter(url))).toEqual(failed('the answer is not HTTP (HPE_HEADER_OVERFLOW)'));
  });

  test('an upgrade that nobody asked for', async () => {
    const { url } = await rawReceiver(socket =>
      onRequest(socket, () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
      }),
    );
    expect(await sender().send(letter(url))).toEqual(failed('answered 101', { status: 101 }));
  });
});

describe('answers that take their time', () => {
  test('none at all', async () => {
    const receiver = await rawReceiver(socket => socket.resume());
    expect(await sender({ timeout: 300 }).send(letter(receiver.url))).toEqual(
      failed('no answer within 300 ms'),
    );
    await eventually('it hangs up', () => (receiver.sockets.size === 0 ? true : undefined));
  });

  test('one byte of a header at a time', async () => {
    const { url } = await rawReceiver(socket => {
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      const timer = setInterval(() => socket.write('y'), 20);
      socket.once('close', () => clearInterval(timer));
    });
    expect(await sender({ timeout: 300 }).send(letter(url))).toEqual(failed('no answer within 300 ms'));
  });

  test('only a hint that there will be one', async () => {
    const { url } = await rawReceiver(socket => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20);
      socket.once('close', () => clearInterval(timer));
    });
    expect(await sender({ timeout: 300 }).send(letter(url))).toEqual(failed('no answer within 300 ms'));
  });

  test.each([200, 500])('the status %i counts, whether its body ends or not', async status => {
    const bodies: Array<(write: (text: string) => boolean, end: () => void) => NodeJS.Timeout | undefined> = [
      // Hangs, trickles, breaks off, and never ends.
      () => undefined,
      write => setInterval(() => write('y'), 20),
      (_write, end) => setTimeout(end, 20),
      write => setInterval(() => write('y'.repeat(20_000)), 1),
    ];
    for (const body of bodies) {
      const receiver = await httpReceiver((request, response) => {
        request.resume();
        response.writeHead(status, { 'content-length': '100000000' }).write('x');
        const timer = body(
          text => response.write(text),
          () => response.destroy(),
        );
        response.once('close', () => clearInterval(timer));
      });
      const result = await sender().send(letter(receiver.url));
      expect(result).toMatchObject({ ok: status === 200, status });
      await eventually('it hangs up', () => (receiver.sockets.size === 0 ? true : undefined));
    }
  });
});

describe('TLS', () => {
  test('with a certificate of an authority of ours', async () => {
    const receiver = await httpsReceiver(tls, (request, response) => {
      request.resume();
      response.writeHead(200).end();
    });
    const one = sender({ ca: certificates.ca, httpsOnly: true });
    expect(await one.send(letter(receiver.url))).toEqual({ ok: true, status: 200 });
    expect(await one.send(letter(receiver.url))).toEqual({ ok: true, status: 200 });
    expect(receiver.sockets.size).toBe(1);
  });

  test('with a certificate that nobody knows, whatever the environment says', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      const { url } = await httpsReceiver(tls, (_request, response) => response.end());
      expect(await sender().send(letter(url))).toEqual(
        failed(/^the certificate of the host was refused \([A-Z_]+\)$/),
      );
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });

  test('with the certificate of somebody else', async () => {
    const { port } = await httpsReceiver(tls, (_request, response) => response.end());
    const one = sender({ ca: [certificates.ca], lookup: async () => [HOST] });
    expect(await one.send(letter(`https://hooks.test:${port}/`))).toEqual(
      failed('the certificate of the host was refused (ERR_TLS_CERT_ALTNAME_INVALID)'),
    );
  });

  test('by a host that does not speak it', async () => {
    const { port } = await recorder(() => [200]);
    expect(await sender().send(letter(`https://${HOST}:${port}/`))).toMatchObject({
      ok: false,
      isPermanent: false,
    });
  });
});

describe('the end', () => {
  test('an aborted attempt rejects with the reason and hangs up', async () => {
    const ending = new AbortController();
    const receiver = await rawReceiver(socket => onRequest(socket, () => ending.abort('enough')));
    await expect(sender().send(letter(receiver.url), ending.signal)).rejects.toBe('enough');
    await eventually('it hangs up', () => (receiver.sockets.size === 0 ? true : undefined));
    await expect(sender().send(letter(receiver.url), ending.signal)).rejects.toBe('enough');
  });

  test('close ends what is under way, and closes idle connections', async () => {
    const one = sender();
    const idle = await recorder(() => [200]);
    await one.send(letter(idle.url));
    const busy = await rawReceiver(socket => onRequest(socket, () => void one.close()));
    await expect(one.send(letter(busy.url))).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(one.send(letter(busy.url))).rejects.toMatchObject({ code: 'CLOSED' });
    for (const { sockets } of [idle, busy]) {
      await eventually('it hangs up', () => (sockets.size === 0 ? true : undefined));
    }
    await one.close();
  });

  test('close ends a name that nobody answers for', async () => {
    const one = sender({ lookup: () => new Promise(() => {}) });
    const sending = one.send(letter('https://hooks.test/'));
    setImmediate(() => void one.close());
    await expect(sending).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test.each([
    ['an attempt under way', 'void one.send(letter);'],
    [
      'an idle connection',
      'const hold = setInterval(() => {}, 1000); one.send(letter).then(() => clearInterval(hold));',
    ],
  ])('%s does not hold the process', async (what, script) => {
    const receiver = await rawReceiver(socket =>
      onRequest(socket, () => {
        if (what === 'an idle connection') socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      }),
    );
    const path = JSON.stringify(require.resolve('../../dist/timers/webhooks/sender.js'));
    const child = await start(process.execPath, [
      '-e',
      `const { WebhookSender } = require(${path});
       const one = new WebhookSender({ allow: ['127.0.0.1'], timeout: '60s' }, Date.now);
       const letter = { id: 'a', url: '${receiver.url}', body: '{}', attempt: 1 };
       ${script}`,
    ]);
    expect(await child.ended).toBe(0);
    expect(child.output()).toBe('');
  });
});

test('many at once, each with its own answer', async () => {
  const { url, arrived } = await recorder(({ path }) => [Number(path.slice(1))]);
  const one = sender();
  const statuses = Array.from({ length: 300 }, (_, index) => 200 + (index % 3) * 100);
  const results = await Promise.all(statuses.map(status => one.send(letter(`${url}/${status}`))));
  expect(results.map(result => result.status)).toEqual(statuses);
  expect(arrived).toHaveLength(300);
});

test('a body of a megabyte', async () => {
  const { url, arrived } = await recorder(() => [200]);
  const body = JSON.stringify('x'.repeat(1_000_000));
  expect(await sender().send(letter(url, body))).toEqual({ ok: true, status: 200 });
  expect(arrived[0]?.body).toBe(body);
});

test('an answer before the body was read', async () => {
  const receiver = await rawReceiver(socket => {
    socket.once('data', () =>
      socket.end('HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'),
    );
  });
  const result = await sender().send(letter(receiver.url, JSON.stringify('x'.repeat(5_000_000))));
  expect(result).toMatchObject({ ok: false, isPermanent: false });
});

test('headers of 100 KB: the status counts', async () => {
  const headers = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`x-${n}`, 'v'.repeat(10_000)]));
  const { url } = await recorder(() => [200, headers]);
  expect(await sender().send(letter(url))).toEqual({ ok: true, status: 200 });
});

test('to wait for thousands of years is to wait as long as can be', async () => {
  const { url } = await recorder(() => [503, { 'retry-after': '99999999999' }]);
  const result = await sender().send(letter(url));
  expect(result).toMatchObject({ ok: false, status: 503 });
  expect(retryInMs(1, result as never, { cap: '1h', jitter: 0 })).toBe(3_600_000);
});
