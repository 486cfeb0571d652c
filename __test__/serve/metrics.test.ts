import { ask, closeAll, listen, makeTracker, track } from './helpers';

afterEach(closeAll);

/** Samples by name and labels; fails on anything that is not the text format. */
function parse(text: string): Map<string, number> {
  expect(text.endsWith('\n')).toBe(true);
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (name !== undefined && type !== undefined) {
      expect(types.has(name)).toBe(false);
      types.set(name, type);
      continue;
    }
    if (/^# HELP token_budget_[a-z_]+ \S.*\.$/.test(line)) continue;
    const [, key = '', metric = '', value = ''] =
      /^(([a-z_]+)(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (\S+)$/.exec(line) ?? [];
    expect([line, types.has(metric)]).toEqual([line, true]);
    expect(samples.has(key)).toBe(false);
    samples.set(key, Number(value));
    if (types.get(metric) === 'counter') expect(metric).toMatch(/_total$/);
  }
  return samples;
}

test('windows as gauges, what happened as counters', async () => {
  const tracker = makeTracker({ defaultBudget: { hourly: 1000, daily: 2000 }, thresholds: [0.5, 1] });
  const { url } = await listen({ tracker, labels: { fleet: 'blue' } });
  await track(tracker, 'a', 600, 'gpt-5');
  const { reservationId } = await tracker.reserveTokens('a', 100, 'hourly');
  await tracker.reserveTokens('a', 500, 'hourly');
  await tracker.checkBudget('a', 5000, 'daily');
  const { headers, text } = await ask(`${url}metrics`);
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const samples = parse(text);
  const of = (name: string, labels: string) => samples.get(`token_budget_${name}{fleet="blue"${labels}}`);
  const hour = ',orchestrator="a",period="hourly"';
  expect(of('up', '')).toBe(1);
  expect(of('used_tokens', hour)).toBe(600);
  expect(of('reserved_tokens', hour)).toBe(100);
  expect(of('limit_tokens', hour)).toBe(1000);
  expect(of('remaining_tokens', hour)).toBe(300);
  expect(of('used_ratio', hour)).toBe(0.7);
  expect(of('active_reservations', hour)).toBe(1);
  const { periodEnd } = await tracker.getUsageStats('a', 'hourly');
  expect(of('window_end_timestamp_seconds', hour)).toBe(periodEnd.getTime() / 1000);
  expect(of('model_used_tokens', `${hour},model="gpt-5"`)).toBe(600);
  // Unlimited: no limit is told, rather than a number that means something else.
  const month = ',orchestrator="a",period="monthly"';
  expect(of('used_tokens', month)).toBe(600);
  for (const name of ['limit_tokens', 'remaining_tokens', 'used_ratio'])
    expect(of(name, month)).toBeUndefined();
  expect(of('recorded_tokens_total', ',orchestrator="a",model="gpt-5"')).toBe(600);
  expect(of('denied_total', `${hour},source="reserve"`)).toBe(1);
  expect(of('denied_total', ',orchestrator="a",period="daily",source="check"')).toBe(1);
  expect(of('threshold_crossings_total', `${hour},threshold="50",unit="tokens"`)).toBe(1);
  await tracker.releaseReservation(reservationId as string, 50, { model: 'gpt-5' });
  const later = parse((await ask(`${url}metrics`)).text);
  expect(later.get('token_budget_recorded_tokens_total{fleet="blue",orchestrator="a",model="gpt-5"}')).toBe(
    650,
  );
});

test('thresholds of tokens and of money are counted for themselves', async () => {
  const tracker = makeTracker({
    defaultBudget: { hourly: 1000, hourlyCost: { amount: '1', currency: 'USD' } },
    thresholds: [0.5],
  });
  const { url } = await listen({ tracker });
  await track(tracker, 'a', 600);
  await tracker.trackUsage({
    ...{ orchestratorId: 'b', sessionId: 's', timestamp: new Date(), model: 'gpt-5' },
    ...{ promptTokens: 1, completionTokens: 0, totalTokens: 1 },
    cost: { amount: '0.60', currency: 'USD' },
  });
  const samples = parse((await ask(`${url}metrics`)).text);
  const of = (orchestrator: string, unit: string) => {
    const labels = `orchestrator="${orchestrator}",period="hourly",threshold="50",unit="${unit}"`;
    return samples.get(`token_budget_threshold_crossings_total{${labels}}`);
  };
  expect([of('a', 'tokens'), of('a', 'cost')]).toEqual([1, undefined]);
  expect([of('b', 'tokens'), of('b', 'cost')]).toEqual([undefined, 1]);
});

test('names with quotes, backslashes and line ends stay in their labels', async () => {
  const tracker = makeTracker();
  const name = 'a"b\\c\nd}{,\u0000';
  await track(tracker, name, 5, 'm"');
  const { url } = await listen({ tracker });
  const samples = parse((await ask(`${url}metrics`)).text);
  expect(
    samples.get('token_budget_used_tokens{orchestrator="a\\"b\\\\c\\nd}{,\u0000",period="hourly"}'),
  ).toBe(5);
});

test('however many names there are, the series of a counter are bounded', async () => {
  const tracker = makeTracker();
  const { url } = await listen({ tracker, orchestrators: [] });
  for (let index = 0; index < 2100; index += 1) await track(tracker, `o${index}`, 2);
  const { text } = await ask(`${url}metrics`);
  const recorded = [...parse(text)].filter(([key]) => key.startsWith('token_budget_recorded_tokens_total'));
  expect(recorded).toHaveLength(2001);
  expect(recorded.find(([key]) => key.includes('(other)'))?.[1]).toBe(200);
});
