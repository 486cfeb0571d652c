/** Where webhooks may go: addresses in every notation, names, and names that change their minds. */
import fc from '../support/properties';
import { HOST } from '../support/system';
import { addresses, endAll, ip, letter, recorder, sender, WebhookSender } from './webhook-receivers';

const { isMetadata, isPublic } = addresses;

afterEach(endAll);

/** Hosts of URLs that nothing is sent to, whoever would resolve them. */
const REFUSED: ReadonlyArray<[host: string, what: string]> = [
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['127.1', 'loopback, short'],
  ['127.0.1', 'loopback, short'],
  ['2130706433', 'loopback, decimal'],
  ['0x7f000001', 'loopback, hexadecimal'],
  ['0x7f.1', 'loopback, mixed'],
  ['0X7F.0x0.0x0.0x1', 'loopback, hexadecimal parts'],
  ['017700000001', 'loopback, octal'],
  ['0177.0.0.01', 'loopback, octal parts'],
  ['127.0.0.1.', 'loopback, with a dot at the end'],
  ['１２７.０.０.１', 'loopback, in full width'],
  ['①②⑦.0.0.1', 'loopback, in circled digits'],
  ['127。0。0。1', 'loopback, with ideographic dots'],
  ['%31%32%37.0.0.1', 'loopback, escaped'],
  ['0', 'unspecified, short'],
  ['0.0.0.0', 'unspecified'],
  ['0x0', 'unspecified, hexadecimal'],
  ['0.1.2.3', 'this network'],
  ['10.0.0.1', 'private'],
  ['10.255.255.255', 'private'],
  ['167772161', 'private, decimal'],
  ['012.0.0.1', 'private, octal'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['192.168.65535', 'private, short'],
  ['3232235521', 'private, decimal'],
  ['100.64.0.1', 'carriers'],
  ['100.127.255.255', 'carriers'],
  ['169.254.0.1', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['0xa9fea9fe', 'metadata, hexadecimal'],
  ['2852039166', 'metadata, decimal'],
  ['0251.0376.0251.0376', 'metadata, octal'],
  ['169.254.43518', 'metadata, short'],
  ['169.254.170.2', 'metadata of containers'],
  ['100.100.100.200', 'metadata of Alibaba'],
  ['192.0.0.192', 'metadata of Oracle'],
  ['168.63.129.16', "Azure's agent, at a public address"],
  ['192.0.0.8', 'IETF protocols'],
  ['192.0.2.1', 'documentation'],
  ['198.51.100.1', 'documentation'],
  ['203.0.113.1', 'documentation'],
  ['192.88.99.1', 'relays'],
  ['198.18.0.1', 'benchmarks'],
  ['198.19.255.255', 'benchmarks'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['[::1]', 'loopback'],
  ['[0:0:0:0:0:0:0:1]', 'loopback, in full'],
  ['[::]', 'unspecified'],
  ['[::ffff:127.0.0.1]', 'mapped loopback'],
  ['[::ffff:7f00:1]', 'mapped loopback, hexadecimal'],
  ['[0:0:0:0:0:ffff:10.0.0.1]', 'mapped private'],
  ['[::ffff:a9fe:a9fe]', 'mapped metadata'],
  ['[::127.0.0.1]', 'compatible loopback'],
  ['[::8.8.8.8]', 'compatible public: nobody routes it'],
  ['[::ffff:0:127.0.0.1]', 'translated loopback'],
  ['[64:ff9b::7f00:1]', 'NAT64 loopback'],
  ['[64:ff9b::10.0.0.1]', 'NAT64 private'],
  ['[64:ff9b::a9fe:a9fe]', 'NAT64 metadata'],
  ['[64:ff9b:1::8.8.8.8]', 'NAT64 of somebody'],
  ['[2002:7f00:1::]', '6to4 loopback'],
  ['[2002:a9fe:a9fe::1]', '6to4 metadata'],
  ['[2002:808:808::1]', '6to4 public: its relay is anybody'],
  ['[2001:0:4136:e378:8000:63bf:80ff:fffe]', 'Teredo loopback'],
  ['[2001::1]', 'Teredo'],
  ['[2001:20::1]', 'ORCHID'],
  ['[2001:2::1]', 'benchmarks'],
  ['[2001:db8::1]', 'documentation'],
  ['[3fff::1]', 'documentation'],
  ['[2a00::5efe:127.0.0.1]', 'ISATAP loopback'],
  ['[2a00::200:5efe:10.0.0.1]', 'ISATAP private'],
  ['[fc00::1]', 'unique local'],
  ['[fdff:ffff::1]', 'unique local'],
  ['[fd00:ec2::254]', 'metadata of AWS'],
  ['[fe80::1]', 'link-local'],
  ['[febf::1]', 'link-local'],
  ['[fec0::1]', 'site-local'],
  ['[ff02::1]', 'multicast'],
  ['[100::1]', 'discarded'],
  ['[5f00::1]', 'segment routing'],
  ['[4000::1]', 'not given to anybody'],
  ['localhost', 'this host by name'],
  ['LOCALHOST', 'this host by name'],
  ['localhost.', 'this host by name'],
  ['app.localhost', 'this host by name'],
  ['metadata.google.internal', 'metadata by name'],
  ['metadata', 'metadata by name'],
];

const PUBLIC = [
  ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
  ...[
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.0.3.0',
  ],
  ...['192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255', '134744072'],
  ...['[2606:4700:4700::1111]', '[2a00:1450:4001:80b::200e]', '[2001:4860:4860::8888]', '[2003::1]'],
  ...['[::ffff:8.8.8.8]', '[64:ff9b::8.8.8.8]', '[2001:db7::1]', '[3ffe:ffff::1]', '[2000::1]'],
  ...[
    'example.com',
    'localhost.example.com',
    '127.0.0.1.nip.io',
    'metadata.example.com',
    'xn--bcher-kva.example',
  ],
];

describe('addresses in URLs', () => {
  test('the table is long enough', () => expect(REFUSED.length).toBeGreaterThan(60));

  test.each(REFUSED)('%s: %s', async host => {
    let isAsked = false;
    const one = new WebhookSender(
      {
        lookup: async () => {
          isAsked = true;
          return ['8.8.8.8'];
        },
      },
      Date.now,
    );
    for (const url of [`http://${host}/`, `https://${host}:8443/a?b`]) {
      expect(await one.send(letter(url))).toEqual({
        ok: false,
        error: 'the address is private or reserved, which is not allowed',
        isPermanent: true,
        isGone: false,
      });
      expect(() => one.checkUrl(new URL(url), 'webhook')).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'webhook' }),
      );
    }
    expect(isAsked).toBe(false);
  });

  test.each(PUBLIC)('%s is public', host => {
    const one = new WebhookSender({}, Date.now);
    expect(one.refusalOf(new URL(`https://${host}/`))).toBeUndefined();
  });

  test.each([
    ['not a URL', 'hooks.example.com/x', 'the address is no URL'],
    ['a file', 'file:///etc/passwd', 'the address does not begin with https:// or http://'],
    ['FTP', 'ftp://example.com/', 'the address does not begin with https:// or http://'],
    ['Gopher', 'gopher://127.0.0.1:6379/_FLUSHALL', 'the address does not begin with https:// or http://'],
    ['data', 'data:text/plain,x', 'the address does not begin with https:// or http://'],
    ['a script', 'javascript:alert(1)', 'the address does not begin with https:// or http://'],
    ['a user', 'https://me@example.com/', 'the address holds a user or a password'],
    ['a password', 'https://:canary@example.com/', 'the address holds a user or a password'],
    [
      'a host that hides in a user',
      'https://example.com%40evil@10.0.0.1/',
      'the address holds a user or a password',
    ],
    ['a number that is too large', 'http://4294967296/', 'the address is no URL'],
    ['octal that is none', 'http://0189.0.0.1/', 'the address is no URL'],
  ])('%s', async (_what, url, error) => {
    expect(await sender().send(letter(url))).toEqual({ ok: false, error, isPermanent: true, isGone: false });
  });

  test('httpsOnly', async () => {
    const one = sender({ httpsOnly: true });
    expect(await one.send(letter('http://example.com/'))).toMatchObject({ isPermanent: true });
    expect(one.refusalOf(new URL('https://example.com/'))).toBeUndefined();
  });
});

describe('addresses that names resolve to', () => {
  const refused = {
    ok: false,
    error: 'the host resolves to a private or reserved address, which is not allowed',
    // The next answer may be another one.
    isPermanent: false,
    isGone: false,
  };

  test.each([
    ...[
      '127.0.0.1',
      '10.1.2.3',
      '192.168.1.1',
      '169.254.169.254',
      '0.0.0.0',
      '::1',
      'fe80::1',
      'fe80::1%eth0',
    ],
    ...['::ffff:127.0.0.1', '64:ff9b::7f00:1', 'fd00::1', '168.63.129.16', 'hooks.example.com', '', '0x7f.1'],
  ])('%s', async address => {
    const one = sender({ allow: [], lookup: async () => [address] });
    expect(await one.send(letter('http://hooks.test:1/'))).toEqual(refused);
  });

  test('one bad address among good ones is enough', async () => {
    const { port, arrived } = await recorder(() => [200]);
    for (const found of [
      [HOST, '10.0.0.1'],
      ['10.0.0.1', HOST],
    ]) {
      const one = sender({ lookup: async () => found });
      expect(await one.send(letter(`http://hooks.test:${port}/`))).toEqual(refused);
    }
    expect(arrived).toEqual([]);
  });

  test('what was checked is what is connected to: nobody asks twice', async () => {
    const { port, arrived } = await recorder(() => [200]);
    const asked: string[] = [];
    const one = sender({
      lookup: async name => {
        asked.push(name);
        return asked.length === 1 ? [HOST] : ['127.0.0.2'];
      },
    });
    expect(await one.send(letter(`http://hooks.test:${port}/`))).toEqual({ ok: true, status: 200 });
    expect(asked).toEqual(['hooks.test']);
    expect(arrived[0]?.headers.host).toBe(`hooks.test:${port}`);
  });

  test('a name that changes its mind is refused at the next attempt', async () => {
    const { port, arrived } = await recorder(() => [200, { connection: 'close' }]);
    let found = [HOST];
    const one = sender({ lookup: async () => found });
    expect(await one.send(letter(`http://hooks.test:${port}/`))).toEqual({ ok: true, status: 200 });
    found = ['127.0.0.2'];
    expect(await one.send(letter(`http://hooks.test:${port}/`))).toEqual(refused);
    found = [HOST];
    expect(await one.send(letter(`http://hooks.test:${port}/`))).toEqual({ ok: true, status: 200 });
    expect(arrived).toHaveLength(2);
  });

  test('all addresses are tried', async () => {
    const { port } = await recorder(() => [200]);
    const one = sender({ allow: ['127.0.0.0/8'], lookup: async () => ['127.0.0.77', HOST] });
    expect(await one.send(letter(`http://hooks.test:${port}/`))).toEqual({ ok: true, status: 200 });
  });

  test.each([
    ['nothing', async () => [], 'the name of the host could not be resolved (ENOTFOUND)'],
    [
      'an error',
      async () => {
        throw Object.assign(new Error('getaddrinfo canary'), { code: 'EAI_AGAIN' });
      },
      'the name of the host could not be resolved (EAI_AGAIN)',
    ],
    [
      'what is no error',
      () => {
        throw 'canary';
      },
      'the name of the host could not be resolved (EAI_FAIL)',
    ],
  ])('a resolver that finds %s fails closed', async (_what, lookup, error) => {
    const one = sender({ lookup });
    expect(await one.send(letter('http://hooks.test/'))).toEqual({
      ok: false,
      error,
      isPermanent: false,
      isGone: false,
    });
  });

  test('by the resolver of this host', async () => {
    const { port } = await recorder(() => [200]);
    expect(await sender({ allow: ['localhost'] }).send(letter(`http://localhost:${port}/`))).toMatchObject({
      ok: true,
    });
    const unknown = await sender().send(letter('http://no-such-host.invalid/'));
    expect(unknown).toMatchObject({ ok: false, isPermanent: false });
  });

  test('many letters to one name ask once at a time', async () => {
    const { port } = await recorder(() => [200]);
    let asked = 0;
    const one = sender({
      lookup: async () => {
        asked += 1;
        await new Promise(setImmediate);
        return [HOST];
      },
    });
    const sent = Array.from({ length: 50 }, () => one.send(letter(`http://hooks.test:${port}/`)));
    for (const result of await Promise.all(sent)) expect(result).toEqual({ ok: true, status: 200 });
    expect(asked).toBeLessThan(50);
  });
});

describe('what is allowed', () => {
  const refusal = (allow: string[], host: string, more = {}) =>
    new WebhookSender({ allow, ...more }, Date.now).refusalOf(new URL(`http://${host}/`)) !== undefined;

  test.each([
    [['127.0.0.1'], '127.0.0.1', false],
    [['127.0.0.1'], '127.0.0.2', true],
    [['127.0.0.1'], 'localhost', false],
    [['127.0.0.1'], '[::ffff:127.0.0.1]', false],
    [['10.0.0.0/8'], '10.9.8.7', false],
    [['10.0.0.0/8'], '11.0.0.0', false],
    [['10.0.0.0/24'], '10.0.1.0', true],
    [['::1'], '[::1]', false],
    [['[::1]'], '[::1]', false],
    [['fd00::/8'], '[fd12::1]', false],
    [['fd00::/8'], '[fc12::1]', true],
    [['169.254.169.254'], '169.254.169.254', false],
    [['localhost'], 'LOCALHOST.', false],
    [['*.localhost'], 'a.b.localhost', false],
    [['*.localhost'], 'localhost', true],
    [['metadata.google.internal'], 'metadata.google.internal', false],
    [['hooks.internal'], '10.0.0.1', true],
  ])('%j: %s is refused: %s', (allow, host, isRefused) => expect(refusal(allow, host)).toBe(isRefused));

  test('allowPrivateAddresses opens all but the metadata of clouds', () => {
    for (const [host, what] of REFUSED) {
      const isClosed = what.includes('metadata') || what.includes('Azure');
      expect([host, refusal([], host, { allowPrivateAddresses: true })]).toEqual([host, isClosed]);
    }
    expect(refusal(['169.254.169.254'], '169.254.169.254', { allowPrivateAddresses: true })).toBe(false);
  });

  test('a name that is allowed may resolve to private addresses, not to metadata', async () => {
    const { port, arrived } = await recorder(() => [200]);
    const url = (name: string) => `http://${name}:${port}/`;
    const allow = ['hooks.internal', '*.svc.cluster.local'];
    const one = sender({ allow, lookup: async () => [HOST] });
    expect(await one.send(letter(url('hooks.internal')))).toMatchObject({ ok: true });
    expect(await one.send(letter(url('Hooks.Internal.')))).toMatchObject({ ok: true });
    expect(await one.send(letter(url('a.b.svc.cluster.local')))).toMatchObject({ ok: true });
    expect(await one.send(letter(url('evil-hooks.internal')))).toMatchObject({ ok: false });
    expect(await one.send(letter(url('svc.cluster.local')))).toMatchObject({ ok: false });
    expect(await one.send(letter(url('hooks.internal.evil.test')))).toMatchObject({ ok: false });
    expect(arrived).toHaveLength(3);
    const other = sender({ allow, lookup: async () => ['169.254.169.254'] });
    expect(await other.send(letter(url('hooks.internal')))).toMatchObject({ ok: false });
  });

  test.each([
    ['10.0.0.0/33'],
    ['10.0.0.0/-1'],
    ['10.0.0.0/'],
    ['10.0.0.0/8/8'],
    ['::/129'],
    [''],
    ['*'],
    ['*.'],
    ['a b'],
    ['http://x'],
    ['x/8'],
    ['a..b'],
    ['127.1'],
    ['2130706433'],
    ['0x7f.0.0.1'],
    ['a.0x'],
    ['x'.repeat(300)],
    [7],
    [null],
  ])('%j is nothing that can be allowed', each => {
    expect(() => new WebhookSender({ allow: ['10.0.0.1', each as string] }, Date.now)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', field: 'allow[1]' }),
    );
  });
});

describe('made-up addresses', () => {
  const written = (groups: readonly number[]) => groups.map(group => group.toString(16)).join(':');
  const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });

  test('IPv6 is read as the URL standard reads it', () => {
    fc.assert(
      fc.property(groups, parts => {
        const short = new URL(`http://[${written(parts)}]/`).hostname.slice(1, -1);
        expect(ip.ipv6Groups(short)).toEqual(parts);
        expect(ip.ipv6Groups(`${short}%eth0`)).toEqual(parts);
        const last = [6, 7].flatMap(index => [(parts[index] ?? 0) >> 8, (parts[index] ?? 0) & 255]).join('.');
        expect(ip.ipv6Groups(`${written(parts.slice(0, 6))}:${last}`)).toEqual(parts);
        return true;
      }),
    );
  });

  test('an address is as public as the IPv4 address in it', () => {
    const octets = fc.array(fc.oneof(fc.constantFrom(0, 10, 127, 169, 172, 192, 254, 168), fc.nat(255)), {
      minLength: 4,
      maxLength: 4,
    });
    fc.assert(
      fc.property(octets, parts => {
        const address = parts.join('.');
        expect(isPublic(`::ffff:${address}`)).toBe(isPublic(address));
        expect(isPublic(`64:ff9b::${address}`)).toBe(isPublic(address));
        for (const tunnel of [`::${address}`, `64:ff9b:1::${address}`]) expect(isPublic(tunnel)).toBe(false);
        expect(isMetadata(`::ffff:${address}`)).toBe(isMetadata(address));
      }),
    );
  });

  test('whatever is no address is not public', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        fc.pre(!/^[\d.]+$/.test(text) && !text.includes(':'));
        expect([isPublic(text), isMetadata(text)]).toEqual([false, false]);
      }),
    );
  });
});
