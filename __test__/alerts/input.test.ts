/** What is wrong is refused by its name; what is secret is shown by nothing. */
import { format, inspect } from 'node:util';
import {
  type AlertConfig,
  type AlertDeliveryResult,
  AlertLevel,
  BudgetAlertSystem,
} from '@wundr.io/token-budget/alerts';
import { rejection } from '../facade/helpers';
import { HOST } from '../support/system';
import { at, closeAll, config, email, inApp, recorder, slack, sms, system, USAGE, webhook } from './helpers';
import { endMailServers, mailServer } from './mail-servers';

afterEach(async () => {
  await closeAll();
  await endMailServers();
});

const URL = 'https://hooks.example.com/x';
const SMTP = { host: HOST, port: 25, secure: false };
const TWILIO = { accountSid: 'AC1', authToken: 't', from: '+1' };

describe('configureAlerts refuses', () => {
  const channel = (one: unknown) => config({ channels: [one as never] });
  test.each<[string, unknown]>([
    ['config', null],
    ['orchestratorId', config({ orchestratorId: 'x'.repeat(257) })],
    ['threshold', { ...config(), threshold: [] }],
    [
      'thresholds[0].percentage',
      config({ thresholds: [{ percentage: Number.NaN, level: AlertLevel.INFO }] }),
    ],
    ['thresholds[0].level', config({ thresholds: [{ percentage: 1, level: 'fatal' as never }] })],
    [
      'thresholds[0].autoPause',
      config({ thresholds: [{ percentage: 1, level: 'info', autoPause: 1 } as never] }),
    ],
    ['thresholds[0].pause', config({ thresholds: [{ percentage: 1, level: 'info', pause: true } as never] })],
    ['thresholds', config({ thresholds: Array(101).fill(config().thresholds[0]) })],
    ['channels[0].type', channel({ ...inApp(), type: 'pager' })],
    ['channels[0].enabled', channel({ ...inApp(), enabled: 'yes' })],
    ['channels[0].minLevel', channel({ ...inApp(), minLevel: 'high' })],
    ['channels[0].config', channel({ type: 'in_app', enabled: true })],
    ['channels[0].config.userIds', channel({ ...inApp(), config: { userIds: [] } })],
    ['channels[0].config.userIds[1]', channel(inApp('a', ''))],
    ['channels[0].config.url', channel(webhook('not a url'))],
    ['channels[0].config.url', channel(webhook('ftp://example.com'))],
    ['channels[0].config.url', channel(webhook('http://169.254.169.254/latest'))],
    ['channels[0].config.method', channel(webhook(URL, { method: 'GET' }))],
    ['channels[0].config.headers.a b', channel(webhook(URL, { headers: { 'a b': '1' } }))],
    ['channels[0].config.headers.x', channel(webhook(URL, { headers: { x: 'a\r\nb: c' } }))],
    ['channels[0].config.headers.Host', channel(webhook(URL, { headers: { Host: 'a' } }))],
    ['channels[0].config.headers.webhook-id', channel(webhook(URL, { headers: { 'webhook-id': 'a' } }))],
    [
      'channels[0].config.retries.maxAttempts',
      channel(webhook(URL, { retries: { maxAttempts: 0, backoffMs: 1 } })),
    ],
    ['channels[0].config.retries.backoffMs', channel(webhook(URL, { retries: { maxAttempts: 1 } }))],
    ['channels[0].config.timeout', channel(webhook(URL, { timeout: 0 }))],
    ['channels[0].config.secret', channel(webhook(URL, { secret: 'short' }))],
    ['channels[0].config.webhookUrl', channel(slack('http://metadata/x'))],
    ['channels[0].config.username', channel(slack(URL, { username: 'a\nb' }))],
    ['channels[0].config.recipients', channel(email(SMTP, { recipients: [] }))],
    ['channels[0].config.recipients[0]', channel(email(SMTP, { recipients: ['ops'] }))],
    ['channels[0].config.from', channel(email(SMTP, { from: 'a@b\r\nBcc: c@d' }))],
    ['channels[0].config.smtp.port', channel(email({ ...SMTP, port: 0 }))],
    ['channels[0].config.smtp.auth.pass', channel(email({ ...SMTP, auth: { user: 'a' } }))],
    ['channels[0].config.smtp.ca', channel(email({ ...SMTP, ca: 'none' }))],
    ['channels[0].config.phoneNumbers[0]', channel(sms('twilio', TWILIO, ['call me']))],
    ['channels[0].config.provider', channel(sms('pigeon' as never, {}))],
    ['channels[0].config.providerConfig.authToken', channel(sms('twilio', { ...TWILIO, authToken: 7 }))],
    ['channels[0].config.providerConfig.from', channel(sms('twilio', { accountSid: 'AC1', authToken: 't' }))],
    ['channels[0].config.providerConfig.url', channel(sms('sns', {}))],
    ['channels[0].config.providerConfig.send', channel(sms('custom', { send: 'me' }))],
    ['rateLimit.windowMs', config({ rateLimit: { maxAlertsPerThreshold: 1, windowMs: -1 } })],
    ['rateLimit.maxAlertsPerThreshold', config({ rateLimit: { maxAlertsPerThreshold: 0.5, windowMs: 1 } })],
    ['enabled', config({ enabled: undefined as never })],
    ['timezone', config({ timezone: 'Mars/Olympus' })],
    ['escalateAfterMs', config({ escalateAfterMs: 0 })],
  ])('%s', async (field, given) => {
    const refused = await rejection(system().configureAlerts(given as AlertConfig));
    expect(refused).toMatchObject({ code: 'INVALID_CONFIG', field });
    expect(refused.message).toContain(field);
  });
});

test.each<[string, object]>([
  ['historyLimit', { historyLimit: 0 }],
  ['store', { store: '' }],
  ['store.save', { store: { load: async () => [] } }],
  ['webhooks.secret', { webhooks: { secret: 'x' } }],
  ['webhooks.colour', { webhooks: { colour: 'red' } }],
  ['smtp.host', { smtp: { ...SMTP, host: '' } }],
  ['inApp.bufferSize', { inApp: { bufferSize: 0 } }],
  ['deliveryTimeoutMs', { deliveryTimeoutMs: 0 }],
  ['onPause', { onPause: 'now' }],
  ['defaults.thresholds', { defaults: { ...config(), thresholds: [] } }],
  ['history', { history: 5 }],
])('the constructor refuses %s', (field, options) => {
  expect(() => new BudgetAlertSystem(options)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', field }),
  );
});

test.each<[string, (alerts: BudgetAlertSystem) => Promise<unknown>]>([
  ['orchestratorId', alerts => alerts.checkAndAlert('', USAGE)],
  ['usage', alerts => alerts.checkAndAlert('orch', undefined as never)],
  ['usage.percentageUsed', alerts => alerts.checkAndAlert('orch', { ...USAGE, percentageUsed: Number.NaN })],
  ['usage.costUsed', alerts => alerts.checkAndAlert('orch', { ...USAGE, costUsed: -1 })],
  ['usage.tokensLimit', alerts => alerts.checkAndAlert('orch', { ...USAGE, tokensLimit: '5' as never })],
  ['alertId', alerts => alerts.acknowledgeAlert(7 as never, 'ada')],
  ['userId', alerts => alerts.acknowledgeAlert('a', '')],
  ['options.note', alerts => alerts.acknowledgeAlert('a', 'ada', { note: 1 as never })],
  ['limit', alerts => alerts.getAlertHistory('orch', -1)],
  ['filter.level', alerts => alerts.getFilteredAlertHistory({ level: 'bad' as never })],
  ['filter.sort', alerts => alerts.getFilteredAlertHistory({ sort: 'asc' } as never)],
  [
    'filter.dateRange.end',
    alerts => alerts.getFilteredAlertHistory({ dateRange: { start: new Date() } as never }),
  ],
  ['enabled', alerts => alerts.setAutoPause('orch', 1 as never)],
  ['timeRange.start', alerts => alerts.getAlertStats('orch', {} as never)],
  ['olderThan', alerts => alerts.clearOldAlerts('orch', 'today' as never)],
  ['options.timeout', alerts => alerts.close({ timeout: -1 })],
])('methods refuse %s', async (field, call) => {
  const alerts = system();
  expect(await rejection(call(alerts))).toMatchObject({ code: 'INVALID_ARGUMENT', field });
});

test.each([
  [undefined, 3],
  [true, 3],
  [false, 1],
])('allowDuplicates: %s', async (allowDuplicates, times) => {
  const alerts = system();
  const rateLimit = {
    ...{ maxAlertsPerThreshold: 3, windowMs: 60_000 },
    ...(allowDuplicates !== undefined && { allowDuplicates }),
  };
  await alerts.configureAlerts(config({ rateLimit }));
  for (let check = 0; check < 5; check += 1) await alerts.checkAndAlert('orch', at(90));
  expect(await alerts.getAlertHistory('orch')).toHaveLength(times);
});

describe('secrets', () => {
  const CANARY = 'canary-Zq8-4711';
  const KEY = Buffer.from(`${CANARY}-${'k'.repeat(16)}`);
  const SECRET = `whsec_${KEY.toString('base64')}`;

  function seen(value: unknown): string {
    return [
      inspect(value, { depth: 20, showHidden: true, getters: true }),
      inspect(value, { depth: 20, customInspect: false }),
      format('%s %o %O %j', value, value, value, value),
      JSON.stringify(value) ?? '',
      value instanceof Error ? `${value.stack} ${inspect(value.cause, { depth: 20 })}` : '',
    ].join('\n');
  }

  function expectNoSecret(value: unknown): void {
    const text = seen(value);
    for (const secret of [CANARY, SECRET.slice(6, 30), Buffer.from(CANARY).toString('base64').slice(0, 18)]) {
      expect(text).not.toContain(secret);
    }
  }

  test('are in no object, result, alert and event', async () => {
    const { url } = await recorder(() => [500, {}, `no ${CANARY}`]);
    const server = await mailServer({
      onAuth: ({ password }, _session, answer) => answer(new Error(`no ${password}`)),
      allowInsecureAuth: true,
    });
    const smtp = { ...SMTP, port: server.port, requireTls: false, auth: { user: CANARY, pass: CANARY } };
    const results: AlertDeliveryResult[] = [];
    const errors: unknown[] = [];
    const alerts = system({
      ...{ smtp, webhooks: { secret: SECRET }, onError: error => errors.push(error) },
      onDelivery: result => results.push(result),
    });
    const stream = alerts.stream('user-1');
    const throws = async () => {
      throw Object.assign(new Error(CANARY), { config: { key: CANARY } });
    };
    const token = { accountSid: 'AC1', authToken: CANARY, from: '+1', baseUrl: url };
    const channels = [
      inApp(),
      webhook(`${url}/${CANARY}`, { secret: SECRET, headers: { authorization: `Bearer ${CANARY}` } }),
      slack(`${url}/services/${CANARY}`),
      email(undefined),
      email({ ...smtp, port: 1 }),
      sms('twilio', token),
      sms('custom', { url: `${url}/${CANARY}`, headers: { key: CANARY } }),
      sms('sns', { send: throws }),
    ];
    await alerts.configureAlerts(config({ channels }));
    const [alert] = await alerts.checkAndAlert('orch', at(90));
    expect(alert?.channels).toEqual(['in_app']);
    expect(results[0]).toMatchObject({ attempted: 8, failed: 7 });
    const told = await stream.next();
    for (const thing of [alerts, results, errors, alert, told, stream, await alerts.getAlertStats('orch')]) {
      expectNoSecret(thing);
    }
  });

  test.each<[string, unknown]>([
    ['an address', webhook(`http://10.0.0.1/${CANARY}`)],
    ['an address that is none', webhook(`http://${CANARY} /`)],
    ['a user in an address', slack(`https://me:${CANARY}@example.com/`)],
    ['a header', webhook(URL, { headers: { authorization: `${CANARY}\n` } })],
    ['a signing secret', webhook(URL, { secret: CANARY })],
    ['a password', email({ ...SMTP, auth: { user: 'me', pass: [CANARY] } })],
    ['a certificate', email({ ...SMTP, ca: CANARY })],
    ['a token', sms('twilio', { ...TWILIO, authToken: { CANARY } })],
    ['a base URL', sms('twilio', { ...TWILIO, baseUrl: `http://127.1/${CANARY}` })],
  ])('%s is not quoted when it is refused', async (_what, channel) => {
    const alerts = system({ webhooks: { allow: [] } });
    const refused = await rejection(alerts.configureAlerts(config({ channels: [channel as never] })));
    expect(refused).toMatchObject({ code: 'INVALID_CONFIG', field: expect.stringContaining('channels[0]') });
    expectNoSecret(refused);
  });
});
