import { join, resolve } from 'node:path';
import { NOON, useFakeTime } from './helpers';

const file = join(resolve(__dirname, '../../dist'), 'backend/store-clock.js');
const { StoreClock } = require(file) as typeof import('../../facade/backend/store-clock');

useFakeTime();

const pass = (ms: number) => jest.setSystemTime(Date.now() + ms);

test('before the first answer it is the clock of this process', () => {
  expect(new StoreClock().now()).toBe(NOON);
});

test('the answer that was on its way for the shortest time counts', () => {
  const clock = new StoreClock();
  for (const delayMs of [300, 2, 700, 50]) {
    pass(1000);
    clock.learn(Date.now() + 5000 - delayMs);
  }
  expect(clock.now()).toBe(Date.now() + 4998);
});

test('of the last seconds: a clock that was set back is believed after twenty', () => {
  const clock = new StoreClock();
  clock.learn(Date.now() + 5000);
  for (let seconds = 0; seconds <= 20; seconds += 1) {
    pass(1000);
    clock.learn(Date.now() - 5000);
  }
  expect(clock.now()).toBe(Date.now() - 5000);
});

test('this clock was set back or ahead', () => {
  const clock = new StoreClock();
  clock.learn(NOON);
  jest.setSystemTime(NOON - 3_600_000);
  clock.learn(NOON + 1);
  expect(clock.now()).toBe(NOON + 1);
  pass(86_400_000);
  clock.learn(NOON);
  expect(clock.now()).toBe(NOON);
});
