import { resolve } from 'node:path';

const { timerId } = require(
  resolve(__dirname, '../../dist/timers/timer-id.js'),
) as typeof import('../../facade/timers/timer-id');

const VERSION_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const many = (count: number) => Array.from({ length: count }, timerId);

afterEach(() => jest.useRealTimers());

test('are UUIDs of version 7 that tell when they were made', () => {
  const before = Date.now();
  const id = timerId();
  expect(id).toMatch(VERSION_7);
  const ms = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  expect(ms).toBeGreaterThanOrEqual(before);
  expect(ms).toBeLessThanOrEqual(Date.now() + 10);
});

test('ascend and differ, also more of them within a millisecond than the counter holds', () => {
  jest.useFakeTimers({ now: Date.now() + 60_000 });
  const ids = many(10_000);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
  expect(ids.every(id => VERSION_7.test(id))).toBe(true);
});

test('ascend though the clock goes back', () => {
  jest.useFakeTimers({ now: Date.now() + 120_000 });
  const first = many(3);
  jest.setSystemTime(Date.now() - 110_000);
  const ids = [...first, ...many(3)];
  expect([...ids].sort()).toEqual(ids);
});
