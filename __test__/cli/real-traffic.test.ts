/** The figures of the traces that are kept beside the project, where they are there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { report, root, run } from './run';

const folder = join(root, '../shared/data');
const conversations = join(folder, 'azure-llm-conv-2023.csv');
const present = existsSync(conversations);
const title = present ? '' : ' (skipped: no ../shared/data)';
const testWithTraces = present ? test : test.skip;

testWithTraces(`every token of 19,366 requests is counted${title}`, async () => {
  const answer = await report([conversations]);
  expect(answer).toMatchObject({
    requests: 19_366,
    admitted: 19_366,
    denied: 0,
    malformedRows: 0,
    promptTokens: 22_361_870,
    completionTokens: 4_088_665,
    totalTokens: 26_450_535,
    operations: 38_732,
    selfCheck: { agrees: true },
  });
  const hours = answer.windows.filter((window: { period: string }) => window.period === 'hourly');
  expect(hours.map((window: { startsAt: string }) => window.startsAt)).toEqual([
    '2023-11-16T18:00:00.000Z',
    '2023-11-16T19:00:00.000Z',
  ]);
});

testWithTraces(`limits hold in each window of real traffic${title}`, async () => {
  const answer = await report([conversations, '--hourly', '5000000', '--daily', '20000000']);
  expect(answer.admitted + answer.denied).toBe(19_366);
  expect(answer.denied).toBeGreaterThan(0);
  expect(answer.totalTokens + answer.deniedTotalTokens).toBe(26_450_535);
  expect(answer.selfCheck.agrees).toBe(true);
  for (const { totalTokens, limitTokens } of answer.windows) {
    expect(totalTokens).toBeLessThanOrEqual((limitTokens ?? Infinity) + answer.overageTokens);
  }
  const { stdout } = await run(['replay', conversations, '--hourly', '5000000', '--daily', '20000000']);
  expect(
    Math.max(
      ...stdout
        .split('\n')
        .slice(1)
        .map(line => line.length),
    ),
  ).toBeLessThanOrEqual(80);
});

testWithTraces(`with exact estimates no limit is passed${title}`, async () => {
  const answer = await report([conversations, '--hourly', '5M', '--estimate', 'exact']);
  expect(answer.overageTokens).toBe(0);
  for (const { totalTokens, limitTokens } of answer.windows) {
    expect(totalTokens).toBeLessThanOrEqual(limitTokens ?? Infinity);
  }
});
