/** The history: bounded, and kept across restarts, also those that nobody planned. */
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AlertLevel, type AlertStore, type StoredAlert } from '@wundr.io/token-budget/alerts';
import { eventually, start, type TemporaryFolder, temporaryFolder } from '../support/system';
import { at, closeAll, config, system } from './helpers';

let folder: TemporaryFolder;
let files = 0;
const file = () => join(folder.path, `alerts-${files++}.jsonl`);

beforeAll(() => {
  folder = temporaryFolder('alerts');
});
afterAll(() => folder.remove());
afterEach(closeAll);

const MANY = { maxAlertsPerThreshold: 1_000_000, windowMs: 3_600_000 };
const titles = (alerts: Array<{ title: string }>) => alerts.map(({ title }) => /[\d.]+%/.exec(title)?.[0]);

test('of more alerts than historyLimit the oldest are forgotten', async () => {
  const alerts = system({ historyLimit: 3 });
  await alerts.configureAlerts(config({ rateLimit: MANY }));
  for (const percentage of [81, 82, 83, 84, 85]) await alerts.checkAndAlert('orch', at(percentage));
  const all = await alerts.getFilteredAlertHistory({ sortBy: 'percentageUsed', sortOrder: 'asc' });
  expect(titles(all)).toEqual(['83.0%', '84.0%', '85.0%']);
});

test('what is given out may be changed', async () => {
  const alerts = system();
  const given = config();
  await alerts.configureAlerts(given);
  (given.thresholds[0] as { percentage: number }).percentage = 1;
  given.channels.length = 0;
  expect(await alerts.checkAndAlert('orch', at(50))).toEqual([]);
  const [alert] = await alerts.checkAndAlert('orch', at(90));
  const before = structuredClone(alert);
  Object.assign(alert ?? {}, { title: 'other', acknowledged: true });
  alert?.channels.push('sms' as never);
  alert?.createdAt.setTime(0);
  Object.assign(alert?.threshold ?? {}, { percentage: 3 });
  expect(await alerts.getAlertHistory('orch')).toEqual([before]);
});

test('a restart keeps alerts, who acknowledged them, and how often they were told', async () => {
  const store = file();
  const first = system({ store });
  await first.configureAlerts(config({ orchestratorId: 'a:ä"\n' }));
  const [alert] = await first.checkAndAlert('a:ä"\n', { ...at(82.5), tokensLimit: Number.POSITIVE_INFINITY });
  await first.acknowledgeAlert(alert?.id ?? '', 'ada', { note: 'mine' });
  const before = await first.getAlertHistory('a:ä"\n');
  await first.close();
  expect(statSync(store).mode & 0o777).toBe(0o600);

  const second = system({ store });
  await second.configureAlerts(config({ orchestratorId: 'a:ä"\n' }));
  expect(await second.getAlertHistory('a:ä"\n')).toEqual(before);
  expect(before[0]).toMatchObject({
    acknowledgedBy: 'ada',
    acknowledgmentNote: 'mine',
    channels: ['in_app'],
  });
  expect(await second.checkAndAlert('a:ä"\n', at(99))).toEqual([]);
  expect(await second.clearOldAlerts('a:ä"\n', new Date(Date.now() + 1000))).toBe(1);
  await second.close();

  const third = system({ store });
  expect(await third.getAlertHistory('a:ä"\n')).toEqual([]);
});

test('what was to escalate does so after a restart', async () => {
  const store = file();
  const first = system({ store });
  await first.configureAlerts(config({ escalateAfterMs: 300 }));
  const [alert] = await first.checkAndAlert('orch', at(90));
  await first.close();
  const second = system({ store });
  await second.configureAlerts(config({ escalateAfterMs: 1_000_000 }));
  await eventually('it went up', async () => {
    const [found] = await second.getAlertHistory('orch');
    return found?.level === AlertLevel.CRITICAL && found.id === alert?.id ? true : undefined;
  });
});

test('a process that is killed has kept what it was told', async () => {
  const store = file();
  const entry = JSON.stringify(resolve(__dirname, '../../dist/alerts.js'));
  const child = await start(process.execPath, [
    '-e',
    `const { BudgetAlertSystem } = require(${entry}); (async () => {
      const alerts = new BudgetAlertSystem({ store: ${JSON.stringify(store)} });
      await alerts.configureAlerts(${JSON.stringify(config({ rateLimit: MANY }))});
      for (let n = 0; ; n++) {
        const [alert] = await alerts.checkAndAlert('orch', ${JSON.stringify(at(90))});
        console.log(alert.id);
      }
    })();`,
  ]);
  await eventually('some alerts', () => (child.output().split('\n').length > 20 ? true : undefined));
  await child.end('SIGKILL');
  const told = child.output().split('\n').slice(0, -1);
  const again = system({ store });
  const kept = new Set((await again.getAlertHistory('orch', 10_000)).map(({ id }) => id));
  expect(told.filter(id => !kept.has(id))).toEqual([]);
});

test('a line that was cut off is left out, and what comes after it is read', async () => {
  const store = file();
  const first = system({ store });
  await first.configureAlerts(config({ rateLimit: MANY }));
  await first.checkAndAlert('orch', at(81));
  await first.checkAndAlert('orch', at(82));
  await first.close();
  writeFileSync(store, readFileSync(store, 'utf8').slice(0, -40));
  const second = system({ store });
  await second.configureAlerts(config({ rateLimit: MANY }));
  await second.checkAndAlert('orch', at(83));
  await second.close();
  const third = system({ store });
  const found = await third.getFilteredAlertHistory({ sortBy: 'percentageUsed', sortOrder: 'asc' });
  expect(titles(found)).toEqual(['81.0%', '82.0%', '83.0%']);
});

test('what cannot be read is told, and the rest is kept', async () => {
  const store = file();
  const first = system({ store });
  await first.configureAlerts(config());
  await first.checkAndAlert('orch', at(81));
  await first.close();
  const other = { id: 'alert-orch-1', orchestratorId: 'orch', level: 'terrible', createdAt: '2030-01-01' };
  appendFileSync(store, `${JSON.stringify(other)}\n`);
  const errors: unknown[] = [];
  const second = system({ store, onError: (error, { of }) => errors.push([of, (error as Error).message]) });
  await second.ready();
  expect(await second.getAlertHistory('orch')).toHaveLength(1);
  expect(errors).toEqual([['store', 'store: 1 alerts could not be read, and are left out']]);
});

test.each([
  ['text', 'my notes\nof a year\n'],
  ['text without an end of line', 'my notes'],
  ['lines of JSON', '{"id":"x","level":"info"}\n{"removed":7}\n'],
  ['JSON without an end of line', '{"id":"alert-x","mine":true}'],
  ['zeros', '\0\0\0\0'],
  ['an end of line', '\n'],
])('a file of somebody else is not touched: %s', async (_what, text) => {
  const store = file();
  writeFileSync(store, text);
  const errors: Array<[string, string]> = [];
  const alerts = system({ store, onError: (error, { of }) => errors.push([of, (error as Error).message]) });
  await expect(alerts.ready()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', field: 'store' });
  await alerts.configureAlerts(config());
  expect(await alerts.checkAndAlert('orch', at(90))).toHaveLength(1);
  await alerts.close();
  expect(readFileSync(store, 'utf8')).toBe(text);
  expect(errors).toEqual([['store', expect.stringMatching(/line 1 of the file is no alert/)]]);
});

test('an alert of ours with a foreign line behind it is not touched either', async () => {
  const store = file();
  const first = system({ store });
  await first.configureAlerts(config());
  await first.checkAndAlert('orch', at(81));
  await first.close();
  for (const end of ['', '\n']) {
    const text = `${readFileSync(store, 'utf8').split('\n')[0]}\nand my notes${end}`;
    writeFileSync(store, text);
    const second = system({ store });
    await expect(second.ready()).rejects.toMatchObject({ field: 'store' });
    await second.configureAlerts(config());
    await second.checkAndAlert('orch', at(90));
    await second.close();
    expect(readFileSync(store, 'utf8')).toBe(text);
  }
});

test('wherever a crash cuts the last line off, the lines before it are read, and it is written to', async () => {
  const store = file();
  const first = system({ store });
  await first.configureAlerts(config({ rateLimit: MANY }));
  for (const percentage of [81, 82]) await first.checkAndAlert('orch', at(percentage));
  await first.clearOldAlerts('orch', new Date(0));
  await first.close();
  const whole = readFileSync(store);
  const from = whole.lastIndexOf('\n', whole.length - 2) + 1;
  const cuts = [1, 5, 8, 14, 40, whole.length - from - 2, whole.length - from - 1];
  for (const [cut, tail] of [...cuts.map(cut => [cut, ''] as const), [0, '\0\0'], [9, '\0']] as const) {
    writeFileSync(store, Buffer.concat([whole.subarray(0, from + cut), Buffer.from(tail)]));
    const again = system({ store });
    await again.ready();
    await again.configureAlerts(config({ rateLimit: MANY }));
    await again.checkAndAlert('orch', at(83));
    await again.close();
    const last = system({ store });
    await last.ready();
    const found = await last.getFilteredAlertHistory({ sortBy: 'percentageUsed', sortOrder: 'asc' });
    expect([cut, titles(found)]).toEqual([cut, expect.arrayContaining(['81.0%', '83.0%'])]);
  }
});

test('the file does not grow for ever', async () => {
  const store = file();
  const alerts = system({ store, historyLimit: 5 });
  await alerts.configureAlerts(config({ rateLimit: MANY }));
  let most = 0;
  for (let index = 0; index < 60; index++) {
    await Promise.all(Array.from({ length: 50 }, () => alerts.checkAndAlert('orch', at(90))));
    most = Math.max(most, readFileSync(store, 'utf8').split('\n').length);
  }
  expect(most).toBeLessThan(2500);
  await alerts.close();
  const again = system({ store });
  expect(await again.getAlertHistory('orch')).toHaveLength(5);
  // Nothing is left beside it.
  const beside = readdirSync(folder.path).filter(name => name.startsWith(`${store.split('/').at(-1)}.`));
  expect(beside).toEqual([]);
});

test('a history that cannot be read rejects ready, is not overwritten, and keeps no alert from going out', async () => {
  const errors: unknown[] = [];
  const alerts = system({ store: folder.path, onError: (_error, { of }) => errors.push(of) });
  await expect(alerts.ready()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', field: 'store' });
  await alerts.configureAlerts(config());
  expect(await alerts.checkAndAlert('orch', at(90))).toMatchObject([{ channels: ['in_app'] }]);
  expect(await alerts.getAlertHistory('orch')).toHaveLength(1);
  expect(errors).toEqual(['store']);
});

test("a caller's store; what it refuses is written with the next change", async () => {
  const kept = new Map<string, string>();
  let isAway = true;
  const store: AlertStore = {
    load: async () => [...kept].map(([id, json]): StoredAlert => ({ id, json })),
    save: async alerts => {
      if (isAway) throw new Error('away');
      for (const { id, json } of alerts) kept.set(id, json);
    },
    remove: async ids => {
      for (const id of ids) kept.delete(id);
    },
  };
  const errors: unknown[] = [];
  const alerts = system({ store, onError: (error, { of }) => errors.push([of, (error as Error).message]) });
  await alerts.configureAlerts(config({ rateLimit: MANY }));
  await alerts.checkAndAlert('orch', at(81));
  expect(errors.length).toBeGreaterThan(0);
  expect(errors[0]).toEqual(['store', 'away']);
  isAway = false;
  await alerts.checkAndAlert('orch', at(82));
  await alerts.close();
  expect(kept.size).toBe(2);
  const again = system({ store });
  expect(await again.getAlertHistory('orch')).toHaveLength(2);
  await again.clearOldAlerts('orch', new Date(Date.now() + 1000));
  expect(kept.size).toBe(0);
});
