/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** The page in a real browser. */

import { AlertChannel, AlertLevel, BudgetAlertSystem } from '@wundr.io/token-budget/alerts';
import { UsageReporter } from '@wundr.io/token-budget/budget';
import type { DashboardOptions } from '@wundr.io/token-budget/dashboard';
import type { Browser, Page } from 'puppeteer-core';
import { startChromium } from '../support/chromium';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually } from '../support/system';
import { closeAll, listen, makeTracker, track } from './helpers';

let browser: Browser;
let redis: RedisServer;

beforeAll(async () => {
  [browser, redis] = await Promise.all([startChromium(), startRedis()]);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await redis?.stop();
});

/** What the page complained about, and where it asked. */
interface Watched {
  page: Page;
  url: string;
  complaints: string[];
  requests: string[];
}

const watched: Watched[] = [];
const closing: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const { page, url, complaints, requests } of watched.splice(0)) {
    await page.close();
    expect(complaints).toEqual([]);
    expect(requests.filter(asked => !asked.startsWith(url))).toEqual([]);
    expect(requests.length).toBeGreaterThan(5);
  }
  await closeAll();
  for (const close of closing.splice(0)) await close();
});

async function open(
  options: DashboardOptions,
  { width = 1100, dark = false, path = '' }: { width?: number; dark?: boolean; path?: string } = {},
): Promise<Page> {
  const { url } = await listen(options);
  const page = await browser.newPage();
  const one: Watched = { page, url, complaints: [], requests: [] };
  watched.push(one);
  page.on('console', message => one.complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', error => one.complaints.push(String(error)));
  page.on('request', request => one.requests.push(request.url()));
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
  await page.goto(`${url}${path}`);
  await page.waitForSelector('#state.live');
  return page;
}

const meter = (name: string) => `.card .track[aria-label="${name}"]`;

/** What a bar says, and how much of it is drawn, in percent. */
function barOf(page: Page, name: string) {
  return page.$eval(meter(name), track => {
    const wide = (selector: string) =>
      ((track.querySelector(selector) as HTMLElement).getBoundingClientRect().width /
        track.getBoundingClientRect().width) *
      100;
    return {
      now: track.getAttribute('aria-valuenow'),
      text: track.getAttribute('aria-valuetext'),
      used: wide('.fill'),
      held: wide('.held'),
      marks: [...track.querySelectorAll('.mark')].map(mark => (mark as HTMLElement).style.left),
    };
  });
}

async function untilBar(page: Page, name: string, expected: { used: number; held: number }): Promise<void> {
  await eventually(`the bar of ${name}`, async () => {
    const { used, held } = await barOf(page, name);
    const near = Math.abs(used - expected.used) < 0.5 && Math.abs(held - expected.held) < 0.5;
    if (!near) throw new Error(`used ${used}, held ${held}`);
    return true;
  });
}

/** Milliseconds from `change` until the page says so, as its own clock has it. */
async function delayOf(
  page: Page,
  selector: string,
  text: string,
  change: () => Promise<void>,
): Promise<number> {
  await page.evaluate(
    (wanted, has) => {
      const found = () =>
        [...document.querySelectorAll(wanted)].some(one =>
          one.getAttribute('aria-valuetext')?.startsWith(has),
        );
      new MutationObserver((_, observer) => {
        if (!found()) return;
        observer.disconnect();
        (window as unknown as { seenAt: number }).seenAt = Date.now();
      }).observe(document.body, { subtree: true, attributes: true, childList: true });
    },
    selector,
    text,
  );
  const began = Date.now();
  await change();
  await page.waitForFunction('window.seenAt !== undefined');
  return (await page.evaluate(() => (window as unknown as { seenAt: number }).seenAt)) - began;
}

test('bars follow usage within a second, with thresholds marked', async () => {
  const tracker = makeTracker({ defaultBudget: { hourly: 1000, daily: 10_000 }, thresholds: [0.25, 0.8, 1] });
  await track(tracker, 'writer', 100);
  const page = await open({ tracker });
  await untilBar(page, 'writer, hourly', { used: 10, held: 0 });
  expect((await barOf(page, 'writer, hourly')).marks).toEqual(['25%', '80%', '100%']);
  expect(await barOf(page, 'writer, monthly')).toMatchObject({
    ...{ now: '0', text: '100 used and 0 reserved, unlimited', marks: [] },
  });
  // The best of a few: a busy machine is late now and then, the page is not.
  const delays: number[] = [];
  for (let round = 1; round <= 3; round += 1) {
    await page.evaluate('delete window.seenAt');
    const wanted = `${100 + round * 100} used`;
    delays.push(await delayOf(page, meter('writer, hourly'), wanted, () => track(tracker, 'writer', 100)));
  }
  expect(Math.min(...delays)).toBeLessThan(1000);
  await untilBar(page, 'writer, hourly', { used: 40, held: 0 });
  await untilBar(page, 'writer, daily', { used: 4, held: 0 });
});

test('a reservation appears and goes', async () => {
  const tracker = makeTracker();
  await track(tracker, 'writer', 300);
  const page = await open({ tracker });
  await untilBar(page, 'writer, hourly', { used: 30, held: 0 });
  expect(await page.$('#reservations tbody tr')).toBeNull();
  expect(await page.$eval('#no-reservations', one => (one as HTMLElement).hidden)).toBe(false);
  const { reservationId = '' } = await tracker.reserveTokens('writer', 200, 'all');
  const row = await page.waitForSelector('#reservations tbody tr');
  const cells = await row?.$$eval('td', all => all.map(cell => cell.textContent));
  expect(cells?.slice(0, 4)).toEqual(['writer', '200', '', 'hour, day, month']);
  expect(cells?.[4]).toMatch(/^1[45] min/);
  await untilBar(page, 'writer, hourly', { used: 30, held: 20 });
  await tracker.releaseReservation(reservationId, 50);
  await page.waitForFunction(() => document.querySelector('#reservations tbody tr') === null);
  await untilBar(page, 'writer, hourly', { used: 35, held: 0 });
});

test('limits of money have bars of their own, and the worse of the two decides', async () => {
  const usd = (amount: string) => ({ amount, currency: 'USD' });
  const tracker = makeTracker({
    defaultBudget: {},
    orchestratorBudgets: {
      spender: { daily: 1000, dailyCost: usd('1.50') },
      payer: { dailyCost: usd('100') },
    },
  });
  const spend = (orchestratorId: string, totalTokens: number, amount: string) =>
    tracker.trackUsage({
      ...{ orchestratorId, sessionId: 's', timestamp: new Date(), model: 'gpt-5', cost: usd(amount) },
      ...{ promptTokens: totalTokens, completionTokens: 0, totalTokens },
    });
  await spend('spender', 100, '1.20');
  await spend('payer', 10, '10');
  await spend('unlimited', 10, '0.30');
  await tracker.setBudgetOverride({
    ...{ orchestratorId: 'payer', period: 'daily', additionalTokens: 0, additionalCost: usd('0.5') },
    ...{ reason: 'r', createdBy: 'ops', expiresAt: new Date(Date.now() + 3_600_000) },
  });
  await tracker.reserveTokens('spender', 10, 'daily', { cost: usd('0.15') });
  const page = await open({ tracker });
  await untilBar(page, 'spender, daily', { used: 10, held: 1 });
  await untilBar(page, 'spender, daily, cost', { used: 80, held: 10 });
  expect(await barOf(page, 'spender, daily, cost')).toMatchObject({
    ...{ now: '90', text: '$1.20 used and $0.15 reserved of $1.50, 90.0%' },
    marks: ['50%', '75%', '90%', '100%'],
  });
  const cards = await page.$$eval('.card', all =>
    all.map(card => [card.querySelector('.name')?.textContent, card.querySelector('.badge')?.textContent]),
  );
  expect(cards).toEqual([
    ['spender', '90.0%'],
    ['payer', '10.0%'],
    ['unlimited', 'limit unknown'],
  ]);
  expect(await page.$eval('.card .badge', one => one.className)).toBe('badge high');
  const figures = await page.$$eval('.card:nth-child(3) .money', all =>
    all.map(one => [
      one.querySelector('.figures')?.textContent,
      one.querySelector('.track')?.hasAttribute('hidden'),
    ]),
  );
  expect(figures).toEqual(Array(3).fill(['$0.30 / limit unknown', true]));
  expect(await page.$eval('.card:nth-child(2) .extra', one => one.textContent)).toContain('+$0.50 daily');
  const tiles = await page.$$eval('.tile', all =>
    all.map(tile => [tile.lastChild?.textContent, tile.firstChild?.textContent]),
  );
  expect(Object.fromEntries(tiles)).toMatchObject({ 'Cost today': '$11.50', 'Near or over a limit': '1' });
  const held = await page.$$eval('#reservations tbody td', all => all.map(cell => cell.textContent));
  expect(held.slice(0, 4)).toEqual(['spender', '10', '$0.15', 'day']);
  await spend('spender', 1, '0.40');
  await page.waitForFunction(() => document.querySelector('.card .badge')?.textContent === 'exhausted');
  await picture(page, 'money');
});

/** For people who want to look: `TOKEN_BUDGET_PICTURES` names a folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.TOKEN_BUDGET_PICTURES;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** A ledger with a day of usage by `steady`, and by `jumpy` ten times as much in one of the hours. */
async function spikyReporter(): Promise<UsageReporter> {
  const reporter = new UsageReporter();
  closing.push(() => reporter.close());
  const nowMs = Date.now();
  for (const orchestratorId of ['steady', 'jumpy']) {
    for (let hour = 0; hour < 23; hour += 1) {
      const inputTokens = orchestratorId === 'jumpy' && hour === 4 ? 10_000 : 1000;
      await reporter.recordUsage({
        ...{ id: `${orchestratorId} ${hour}`, orchestratorId, sessionId: 's', provider: 'openai' },
        ...{ timestamp: new Date(nowMs - hour * 3_600_000), modelId: 'gpt-4-turbo' },
        ...{ inputTokens, outputTokens: 0, totalTokens: inputTokens },
      });
    }
  }
  return reporter;
}

test('a spike in the ledger is an anomaly on the page, whoever made it', async () => {
  const tracker = makeTracker();
  await track(tracker, 'jumpy', 10);
  const page = await open({ tracker, reporter: await spikyReporter() });
  await page.waitForSelector('#anomalies li');
  const spikes = await page.$$eval('#anomalies li', all => all.map(one => one.textContent));
  expect(spikes.filter(text => text?.includes('spike'))).toEqual([
    expect.stringContaining('jumpy: Token usage spike detected: 10000 tokens'),
  ]);
  expect(await page.$eval('#no-anomalies', one => (one as HTMLElement).hidden)).toBe(true);
  await picture(page, 'anomalies');
});

test.each([
  ['nobody looked', undefined, '', 'Not looked for in this report.'],
  ['there were none', [], '0', 'Nothing unusual in this time.'],
])('without anomalies it is said whether %s', async (_what, anomalies, count, words) => {
  const tracker = makeTracker();
  const page = await open({ tracker, reporter: { getReport: async () => ({ anomalies }) } });
  await page.waitForSelector('#anomalies-section:not([hidden])');
  expect(await page.$eval('#no-anomalies', one => one.textContent)).toBe(words);
  expect(await page.$eval('#anomalies-count', one => one.textContent)).toBe(count);
});

test('what other processes do on Redis is seen too', async () => {
  const config = { defaultBudget: { hourly: 1000 }, redis: { host: redis.host, port: redis.port } };
  const [here, there] = [makeTracker(config), makeTracker(config)];
  const page = await open({ tracker: here, orchestrators: ['elsewhere'] });
  await untilBar(page, 'elsewhere, hourly', { used: 0, held: 0 });
  await track(there, 'elsewhere', 950);
  await untilBar(page, 'elsewhere, hourly', { used: 95, held: 0 });
  await track(there, 'elsewhere', 1050);
  // Twice the limit: the bar is full, and the limit in its middle.
  await untilBar(page, 'elsewhere, hourly', { used: 100, held: 0 });
  expect((await barOf(page, 'elsewhere, hourly')).marks.at(-1)).toBe('50%');
  expect(await page.$eval('.card .badge', one => one.textContent)).toBe('exhausted');
});

test('names are text, whatever they look like', async () => {
  const tracker = makeTracker();
  const name = '<img src=x onerror="window.hurt=1">"\'&';
  await track(tracker, name, 10, '<b>model</b>');
  await tracker.setBudgetOverride({
    ...{
      orchestratorId: name,
      period: 'hourly',
      additionalTokens: 1,
      createdBy: '<i>',
      reason: '<script>hurt=1</script>',
    },
    expiresAt: new Date(Date.now() + 60_000),
  });
  const page = await open({ tracker });
  await page.waitForSelector('.card .extra li');
  expect(await page.$eval('.card .name', one => one.textContent)).toBe(name);
  expect(await page.$eval('.card .extra li', one => one.textContent)).toContain('<script>hurt=1</script>');
  expect(await page.$$('.card img, .card i, .card b b, .card script')).toHaveLength(0);
  expect(await page.evaluate('typeof window.hurt')).toBe('undefined');
});

const DAY_MS = 86_400_000;
const reporter = {
  async getReport({
    startTime,
    endTime,
    granularity,
  }: {
    startTime: Date;
    endTime: Date;
    granularity: string;
  }) {
    const stepMs = granularity === 'hourly' ? 3_600_000 : DAY_MS;
    const timeSeries = [];
    for (let at = Math.ceil(startTime.getTime() / stepMs) * stepMs; at < endTime.getTime(); at += stepMs) {
      timeSeries.push({
        ...{ start: new Date(at), end: new Date(at + stepMs), records: 1, cost: 1.5 },
        ...{ inputTokens: 1000, outputTokens: 500, totalTokens: 1500 },
      });
    }
    return {
      ...{ period: { startTime, endTime, granularity }, summary: {}, timeSeries },
      costEstimate: { totalCost: 1.5 * timeSeries.length, currency: 'USD' },
      breakdown: [
        {
          key: 'gpt-5',
          type: 'model',
          inputTokens: 7000,
          outputTokens: 3500,
          totalTokens: 10_500,
          cost: 10.5,
        },
      ],
      anomalies: [
        {
          id: '1',
          orchestratorId: 'writer',
          timestamp: endTime,
          severity: 'high',
          description: 'Three times as much',
        },
      ],
    };
  },
};

test('cost over time, models, anomalies and alerts, when there are a reporter and alerts', async () => {
  const tracker = makeTracker();
  await track(tracker, 'writer', 10);
  const alerts = new BudgetAlertSystem({
    defaults: {
      thresholds: [{ percentage: 90, level: AlertLevel.CRITICAL, messageTemplate: 'nearly all is used' }],
      channels: [{ type: AlertChannel.IN_APP, enabled: true, config: { userIds: ['ada'] } }],
      rateLimit: { maxAlertsPerThreshold: 1, windowMs: 60_000 },
      enabled: true,
    },
  });
  closing.push(() => alerts.close());
  const [alert] = await alerts.checkAndAlert('writer', {
    ...{ tokensUsed: 95, tokensLimit: 100, percentageUsed: 95, costUsed: 0, costLimit: 1 },
  });
  const page = await open({ tracker, reporter, alerts });
  await page.waitForSelector('#cost-chart .uplot canvas');
  expect(await page.$eval('#cost-caption', one => one.textContent)).toBe('Cost per day, $10.50 in all');
  const painted = await page.$eval('#cost-chart canvas', one => {
    const canvas = one as HTMLCanvasElement;
    const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(
      0,
      0,
      canvas.width,
      canvas.height,
    );
    return data.some(byte => byte !== 0);
  });
  expect(painted).toBe(true);
  expect(await page.$$eval('#models tbody td', all => all.map(cell => cell.textContent))).toEqual([
    ...['gpt-5', '7,000', '3,500', '10,500', '$10.50'],
  ]);
  expect(await page.$eval('#anomalies li', one => one.textContent)).toContain('writer: Three times as much');
  expect(await page.$eval('#alerts li', one => one.textContent)).toContain('writer: nearly all is used');
  expect(await page.$eval('#alerts li time', one => one.getAttribute('datetime'))).toBe(
    alert?.createdAt.toISOString(),
  );
  await page.click('#chart-details summary');
  const rows = await page.$$eval('#chart-table tbody tr', all =>
    all.map(row => (row as HTMLTableRowElement).cells[3]?.textContent),
  );
  expect(rows).toEqual(Array(7).fill('$1.50'));
  await page.select('#days', '1');
  await page.waitForFunction(() =>
    document.querySelector('#cost-caption')?.textContent?.startsWith('Cost per hour'),
  );
});

test('found by name and sorted, by keyboard alone', async () => {
  const tracker = makeTracker();
  await track(tracker, 'alpha', 100);
  await track(tracker, 'beta', 900);
  const page = await open({ tracker });
  await page.waitForSelector('.card');
  const names = () => page.$$eval('.card .name', all => all.map(one => one.textContent));
  expect(await names()).toEqual(['beta', 'alpha']);
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.className)).toBe('skip');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('find');
  await page.keyboard.type('ALP');
  expect(await names()).toEqual(['alpha']);
  await page.$eval('#find', one => {
    (one as HTMLInputElement).value = '';
    one.dispatchEvent(new Event('input'));
  });
  await page.select('#sort', 'name');
  expect(await names()).toEqual(['alpha', 'beta']);
  // A snapshot that comes does not take the focus away.
  await page.focus('#sort');
  await track(tracker, 'alpha', 10);
  await page.waitForFunction(() => document.body.textContent?.includes('110'));
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('sort');
});

test.each([
  ['light', false],
  ['dark', true],
])('every text has contrast enough: %s', async (_name, dark) => {
  const tracker = makeTracker({ defaultBudget: { hourly: 1000 } });
  for (const [id, tokens] of [
    ['a', 100],
    ['b', 800],
    ['c', 950],
    ['d', 1200],
  ] as const)
    await track(tracker, id, tokens);
  await tracker.reserveTokens('a', 10);
  const page = await open({ tracker, reporter }, { dark });
  await page.waitForSelector('#cost-chart .uplot');
  const poor = await page.evaluate(() => {
    const parse = (text: string) => (text.match(/[\d.]+/g) ?? []).map(Number);
    const light = (rgb: number[]) =>
      [0.2126, 0.7152, 0.0722].reduce((sum, weight, index) => {
        const part = (rgb[index] ?? 0) / 255;
        return sum + weight * (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
      }, 0);
    const groundOf = (node: Element | null): number[] => {
      for (let at = node; at !== null; at = at.parentElement) {
        const rgba = parse(getComputedStyle(at).backgroundColor);
        if (rgba.length === 3 || (rgba[3] ?? 0) === 1) return rgba;
      }
      return [255, 255, 255];
    };
    const found: string[] = [];
    for (const node of document.querySelectorAll<HTMLElement>('body *')) {
      const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent?.trim());
      if (!own || node.offsetParent === null || node.classList.contains('skip')) continue;
      const [a, b] = [light(parse(getComputedStyle(node).color)), light(groundOf(node))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < 4.5)
        found.push(`${node.tagName}.${node.className} ${node.textContent} ${contrast.toFixed(2)}`);
    }
    return found;
  });
  expect(poor).toEqual([]);
});

test.each([360, 390, 768, 1600])('%i px: nothing sticks out', async width => {
  const tracker = makeTracker();
  await track(tracker, `an-orchestrator-with-${'a-long-'.repeat(20)}name`, 10);
  await tracker.reserveTokens('short', 10, 'all');
  const page = await open({ tracker, reporter }, { width });
  await page.waitForSelector('#cost-chart .uplot');
  await page.waitForSelector('#reservations tbody tr');
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0);
});

test('controls and bars have names, and every label its control', async () => {
  const tracker = makeTracker();
  await track(tracker, 'writer', 10);
  const page = await open({ tracker, reporter });
  await page.waitForSelector('.card');
  const { nodes } = await (await page.createCDPSession()).send('Accessibility.getFullAXTree');
  const roles = ['meter', 'combobox', 'searchbox', 'link', 'table', 'region', 'heading', 'status'];
  for (const role of ['meter', 'combobox', 'searchbox', 'link', 'heading']) {
    expect([role, nodes.some(node => node.role?.value === role)]).toEqual([role, true]);
  }
  const named = new Set(['meter', 'combobox', 'searchbox', 'link', 'region', 'heading']);
  const nameless = nodes.filter(
    node => roles.includes(node.role?.value) && named.has(node.role?.value) && !node.name?.value,
  );
  expect(nameless.map(node => node.role?.value)).toEqual([]);
});

test('a token in the address opens the page and leaves the address', async () => {
  const token = 'correct-horse-battery-staple';
  const tracker = makeTracker();
  await track(tracker, 'writer', 10);
  const page = await open({ tracker, token }, { path: `?token=${token}` });
  await page.waitForSelector('.card');
  expect(page.url()).toBe(watched.at(-1)?.url);
  // What runs in the page cannot read it.
  expect(await page.evaluate(() => document.cookie)).toBe('');
});

test('a store that goes away is said, and the page comes back with it', async () => {
  const own = await startRedis();
  try {
    const tracker = makeTracker({
      ...{ defaultBudget: { hourly: 1000 }, redis: { host: own.host, port: own.port } },
      ...{ commandTimeout: 300, connectTimeout: 300 },
    });
    await track(tracker, 'writer', 100);
    const page = await open({ tracker, refreshMs: 200 });
    await untilBar(page, 'writer, hourly', { used: 10, held: 0 });
    await own.kill();
    await page.waitForSelector('#state.away');
    await page.waitForFunction(() => !document.querySelector('#failure')?.hasAttribute('hidden'));
    await own.restart();
    await page.waitForSelector('#state.live');
    expect(await page.$eval('#failure', one => (one as HTMLElement).hidden)).toBe(true);
  } finally {
    await own.stop();
  }
});
