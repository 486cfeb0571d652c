/** Webhooks, Slack and SMS, to receivers on this host that behave and misbehave. */
import {
  type Alert,
  AlertChannel,
  type AlertDeliveryResult,
  AlertLevel,
  type ChannelConfig,
} from '@wundr.io/token-budget/alerts';
import { verifyWebhook } from '@wundr.io/token-budget/timers';
import { rawReceiver } from '../timers/webhook-receivers';
import {
  at,
  closeAll,
  config,
  inApp,
  publishedSystem,
  recorder,
  slack,
  sms,
  system,
  webhook,
} from './helpers';

afterEach(async () => {
  jest.restoreAllMocks();
  await closeAll();
});

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** What became of one alert that goes these ways. */
async function deliver(
  channels: ChannelConfig[],
  options: Parameters<typeof system>[0] = {},
  level = AlertLevel.WARNING,
): Promise<{ alert: Alert; result: AlertDeliveryResult }> {
  const results: AlertDeliveryResult[] = [];
  const alerts = system({ ...options, onDelivery: result => results.push(result) });
  await alerts.configureAlerts(config({ channels, thresholds: [{ percentage: 80, level }] }));
  const [alert] = await alerts.checkAndAlert('orch', at(82.5));
  if (alert === undefined || results[0] === undefined) throw new Error('no alert');
  expect(results).toHaveLength(1);
  return { alert, result: results[0] };
}

test('a webhook is posted, signed, in the published shape', async () => {
  const { url, arrived } = await recorder(() => [204]);
  const { alert, result } = await deliver([webhook(`${url}/hook?a=b`, { secret: SECRET })]);
  const [sent] = arrived;
  expect(sent).toMatchObject({ method: 'POST', path: '/hook?a=b' });
  expect(sent?.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': alert.id });
  const { payload, id } = verifyWebhook(sent?.body ?? '', sent?.headers, SECRET);
  expect(id).toBe(alert.id);
  expect(payload).toEqual({
    event: 'budget.alert',
    alert: JSON.parse(JSON.stringify({ ...alert, channels: [] })),
    orchestrator: { id: 'orch' },
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  });
  expect(alert.channels).toEqual(['webhook']);
  expect(result).toEqual({
    ...{ alertId: alert.id, status: 'success', attempted: 1, succeeded: 1, failed: 0 },
    results: [
      {
        ...{ channel: 'webhook', success: true, deliveredAt: expect.any(Date) },
        metadata: { attempts: 1, status: 204 },
      },
    ],
  });
});

test('PUT, headers, the secret of the system, and a name', async () => {
  const { url, arrived } = await recorder(() => [200]);
  const alerts = system({ webhooks: { secret: SECRET } });
  const way = webhook(url, { method: 'PUT', headers: { 'X-Team': 'ops', Authorization: 'Bearer abc' } });
  await alerts.configureAlerts(config({ channels: [way], metadata: { name: 'Support' } }));
  await alerts.checkAndAlert('orch', at(90));
  const [sent] = arrived;
  expect(sent).toMatchObject({ method: 'PUT', headers: { 'x-team': 'ops', authorization: 'Bearer abc' } });
  expect(verifyWebhook(sent?.body ?? '', sent?.headers, SECRET).payload).toMatchObject({
    orchestrator: { id: 'orch', name: 'Support' },
  });
});

test('what fails is tried again with the same id, and in the end it is told', async () => {
  const { url, arrived } = await recorder((_one, number) => [number < 3 ? 503 : 200]);
  const { result } = await deliver([webhook(url, { retries: { maxAttempts: 3, backoffMs: 1 } })]);
  expect(result.results[0]).toMatchObject({ success: true, metadata: { attempts: 3, status: 200 } });
  expect(new Set(arrived.map(({ headers, body }) => `${headers['webhook-id']}${body}`)).size).toBe(1);

  const refusing = await recorder(() => [500]);
  const failed = await deliver([webhook(refusing.url, { retries: { maxAttempts: 2, backoffMs: 0 } })]);
  expect(refusing.arrived).toHaveLength(2);
  expect(failed.alert.channels).toEqual([]);
  expect(failed.result).toMatchObject({
    ...{ status: 'failed', attempted: 1, succeeded: 0, failed: 1 },
    results: [{ success: false, error: 'answered 500', metadata: { attempts: 2, status: 500 } }],
  });
});

test('one way that hangs or fails keeps no other from being taken, and ends with the time limit', async () => {
  const hanging = await rawReceiver(() => {});
  const failing = await recorder(() => [404]);
  const good = await recorder(() => [200]);
  const { alert, result } = await deliver(
    [webhook(hanging.url), slack(failing.url), webhook(good.url), inApp()],
    { deliveryTimeoutMs: 700 },
  );
  expect(alert.channels).toEqual(['webhook', 'in_app']);
  expect(result).toMatchObject({ status: 'partial', attempted: 4, succeeded: 2, failed: 2 });
  expect(result.results.map(({ error }) => error)).toEqual([
    'not delivered within 700 ms',
    'answered 404',
    undefined,
    undefined,
  ]);
});

test('the time limit of a webhook is that of one attempt', async () => {
  const hanging = await rawReceiver(() => {});
  const { result } = await deliver([webhook(hanging.url, { timeout: 50 })]);
  expect(result.results[0]).toMatchObject({ success: false, error: 'no answer within 50 ms' });
});

test('addresses of this network are refused when they are configured, and when a name leads there', async () => {
  const { url, arrived } = await recorder(() => [200]);
  const alerts = system({ webhooks: { allow: [] } });
  const refused = alerts.configureAlerts(config({ channels: [inApp(), webhook(url)] }));
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_CONFIG', field: 'channels[1].config.url' });
  const rebound = url.replace('127.0.0.1', 'rebound.example');
  const options = { webhooks: { allow: [], lookup: async () => ['127.0.0.1'] } };
  const { result } = await deliver([webhook(rebound), slack(rebound)], options);
  expect(result.results.map(({ error }) => error)).toEqual(
    Array(2).fill('the host resolves to a private or reserved address, which is not allowed'),
  );
  expect(arrived).toEqual([]);
});

describe('Slack', () => {
  test('gets the payload that the published class prints', async () => {
    const { url, arrived } = await recorder(() => [200]);
    const printed: unknown[] = [];
    jest.spyOn(console, 'log').mockImplementation((_label, payload) => printed.push(payload));
    const published = new (publishedSystem())();
    await published.configureAlerts(config({ channels: [slack(url)] }));
    await published.checkAndAlert('orch', at(82.5));
    await deliver([slack(url)]);
    const [sent] = arrived.map(({ body }) => JSON.parse(body));
    expect(sent).toEqual(
      JSON.parse(JSON.stringify(printed[0]), (key, value) => (key === 'ts' ? expect.any(Number) : value)),
    );
    expect(sent.attachments[0]).toMatchObject({ color: '#ff9900', footer: 'Budget Alert System' });
  });

  test('names, and everybody when it is urgent', async () => {
    const { url, arrived } = await recorder(() => [200]);
    const way = slack(url, { channel: '#ops', username: 'bot', iconEmoji: ':fire:', mentionChannel: true });
    await deliver([way], {}, AlertLevel.CRITICAL);
    await deliver([way], {}, AlertLevel.WARNING);
    const [urgent, other] = arrived.map(({ body }) => JSON.parse(body));
    expect(urgent).toMatchObject({
      ...{ channel: '#ops', username: 'bot', icon_emoji: ':fire:' },
      text: '<!channel> [CRITICAL] Budget Alert: 82.5% Used',
    });
    expect(other.text).toBe('[WARNING] Budget Alert: 82.5% Used');
  });

  test('a message mentions nobody and links nowhere', async () => {
    const { url, arrived } = await recorder(() => [200]);
    const alerts = system();
    const messageTemplate = '<!everyone> & <https://evil.example|log in>';
    const thresholds = [{ percentage: 1, level: AlertLevel.INFO, messageTemplate }];
    await alerts.configureAlerts(config({ channels: [slack(url)], thresholds }));
    await alerts.checkAndAlert('orch', at(5));
    expect(JSON.parse(arrived[0]?.body ?? '').attachments[0].text).toBe(
      '&lt;!everyone&gt; &amp; &lt;https://evil.example|log in&gt;',
    );
  });
});

describe('SMS', () => {
  const BODY = 'Budget Alert: 82.5% used. Level: WARNING';

  test('by Twilio: a form with basic authentication for each number', async () => {
    const { url, arrived } = await recorder(() => [201]);
    const numbers = ['+41790000001', '+41790000002'];
    const twilio = { accountSid: 'AC123', authToken: 'token', from: '+1500', baseUrl: url };
    const { result } = await deliver([sms('twilio', twilio, numbers)]);
    expect(arrived.map(({ path, headers, body }) => [path, headers.authorization, body])).toEqual(
      numbers.map(to => [
        '/2010-04-01/Accounts/AC123/Messages.json',
        `Basic ${Buffer.from('AC123:token').toString('base64')}`,
        new URLSearchParams({ To: to, From: '+1500', Body: BODY }).toString(),
      ]),
    );
    expect(result.results[0]).toMatchObject({ success: true, metadata: { attempts: 1, status: 201 } });
  });

  test('a number that was served is not served again', async () => {
    const { url, arrived } = await recorder((_one, number) => [number === 2 ? 503 : 201]);
    const twilio = { accountSid: 'AC1', authToken: 't', messagingServiceSid: 'MG1', baseUrl: url };
    const { result } = await deliver([sms('twilio', twilio, ['+111', '+222', '+333'])], {
      webhooks: { maxAttempts: 2, base: 1 },
    });
    expect(result.results[0]).toMatchObject({ success: true, metadata: { attempts: 2 } });
    const served = arrived.map(({ body }) => new URLSearchParams(body));
    expect(served.map(form => form.get('To'))).toEqual(['+111', '+222', '+333', '+222']);
    expect(served[0]?.get('MessagingServiceSid')).toBe('MG1');
    expect(served[0]?.has('From')).toBe(false);
  });

  test('some numbers fail', async () => {
    const { url } = await recorder((_one, number) => [number === 1 ? 201 : 400]);
    const { result } = await deliver([
      sms('custom', { url, template: '{"to":"{to}"}' }, ['+111', '+222', '+333']),
    ]);
    expect(result.results[0]).toMatchObject({ success: false, error: '2 of 3 numbers: answered 400' });
  });

  test('by a gateway: JSON for all, or a template for each', async () => {
    const { url, arrived } = await recorder(() => [200]);
    const headers = { 'X-Key': 'k' };
    await deliver([
      sms('sns', { url: `${url}/all`, headers, from: 'Budget' }, ['+111', '+222']),
      sms('custom', {
        url: `${url}/json`,
        template: '{"n":"{to}","t":"{body}","f":"{from}"}',
        from: 'a"b\\',
      }),
      sms('custom', {
        ...{ url: `${url}/form`, method: 'PUT', template: 'to={to}&text={body}' },
        contentType: 'application/x-www-form-urlencoded',
      }),
    ]);
    const by = (path: string) => arrived.find(one => one.path === path);
    expect(by('/all')?.headers['x-key']).toBe('k');
    expect(JSON.parse(by('/all')?.body ?? '')).toEqual({ to: ['+111', '+222'], body: BODY, from: 'Budget' });
    expect(JSON.parse(by('/json')?.body ?? '')).toEqual({ n: '+41790000001', t: BODY, f: 'a"b\\' });
    expect(by('/form')).toMatchObject({
      method: 'PUT',
      body: `to=%2B41790000001&text=${encodeURIComponent(BODY)}`,
    });
  });

  test('by a function, whose failure is told without its words', async () => {
    const sent: unknown[] = [];
    const send = async (payload: unknown) => void sent.push(payload);
    const { result } = await deliver([sms('sns', { send })]);
    expect(result.status).toBe('success');
    expect(sent).toEqual([{ to: ['+41790000001'], body: BODY }]);
    const failing = async () => {
      throw Object.assign(new Error('secret-key was refused'), { code: 'Throttling' });
    };
    const failed = await deliver([sms('sns', { send: failing })]);
    expect(failed.result.results[0]).toMatchObject({ error: 'the send function failed (Throttling)' });
    const hanging = await deliver([sms('custom', { send: () => new Promise(() => {}) })], {
      deliveryTimeoutMs: 50,
    });
    expect(hanging.result.results[0]).toMatchObject({ error: 'not delivered within 50 ms' });
  });
});

test('more alerts than wait are not delivered, and are told', async () => {
  const { url } = await rawReceiver(() => {});
  const results: AlertDeliveryResult[] = [];
  const channels = [webhook(url)];
  const alerts = system({ deliveryTimeoutMs: 1500, onDelivery: result => results.push(result) });
  const rateLimit = { maxAlertsPerThreshold: 10_000, windowMs: 60_000 };
  await alerts.configureAlerts(config({ channels, rateLimit }));
  const all = await Promise.all(Array.from({ length: 1100 }, () => alerts.checkAndAlert('orch', at(90))));
  expect(all.flat()).toHaveLength(1100);
  const errors = results.map(result => result.results[0]?.error);
  const tooMany = errors.filter(error => error === 'too many alerts wait to be delivered');
  expect(tooMany).toHaveLength(1100 - 32 - 1000);
  expect(errors.filter(error => error === 'not delivered within 1500 ms')).toHaveLength(1032);
});

test('close ends what is under way', async () => {
  const { url } = await rawReceiver(() => {});
  const results: AlertDeliveryResult[] = [];
  const alerts = system({ onDelivery: result => results.push(result) });
  await alerts.configureAlerts(config({ channels: [webhook(url)] }));
  const checking = alerts.checkAndAlert('orch', at(90));
  await alerts.close({ timeout: 20 });
  expect((await checking)[0]?.channels).toEqual([]);
  expect(results[0]?.results[0]).toMatchObject({ success: false, error: 'the alert system was closed' });
  for (const call of [
    () => alerts.checkAndAlert('orch', at(90)),
    () => alerts.configureAlerts(config()),
    () => alerts.getAlertHistory('orch'),
    () => alerts.resume('orch'),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'CLOSED' });
  }
  expect(() => alerts.stream('user-1')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  expect(alerts.close()).toBe(alerts.close());
});

test('disabled channels and those of higher levels are not taken', async () => {
  const { url, arrived } = await recorder(() => [200]);
  const { result, alert } = await deliver([
    { ...webhook(url), minLevel: AlertLevel.CRITICAL },
    {
      type: AlertChannel.SMS,
      enabled: false,
      config: { phoneNumbers: [], provider: 'twilio', providerConfig: {} },
    },
  ]);
  expect(arrived).toEqual([]);
  expect(alert.channels).toEqual([]);
  expect(result).toMatchObject({ results: [], status: 'failed', attempted: 0 });
});
