import { join, resolve } from 'node:path';

const file = join(resolve(__dirname, '../../dist'), 'credentials/wait.js');
const { wait } = require(file) as typeof import('../../facade/credentials/wait');

const DAY_MS = 86_400_000;

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

test('forty days are forty days, although a timer ends after 24.8', async () => {
  let isOver = false;
  const waiting = wait(40 * DAY_MS).then(() => {
    isOver = true;
  });
  await jest.advanceTimersByTimeAsync(40 * DAY_MS - 1000);
  expect(isOver).toBe(false);
  await jest.advanceTimersByTimeAsync(1000);
  await waiting;
  expect(jest.getTimerCount()).toBe(0);
});

test('an abort ends it and leaves no timer', async () => {
  const controller = new AbortController();
  const waiting = wait(40 * DAY_MS, controller.signal);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  expect(jest.getTimerCount()).toBe(0);
  await expect(wait(1, controller.signal)).rejects.toThrow('enough');
  await wait(0, controller.signal);
});
