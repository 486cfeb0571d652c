/** The waits and the budget of retries are within their bounds, whatever comes. */
import { join } from 'node:path';
import fc from '../support/properties';

const built = (name: string) => require(join(__dirname, '../../dist/resilience', name));
const { RetryBudget } = built('retry-budget') as typeof import('../../facade/resilience/retry-budget');
const { Waits } = built('retry-waits') as typeof import('../../facade/resilience/retry-waits');

const backoff = fc.record({
  baseMs: fc.nat(100_000),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  capMs: fc.nat(1_000_000),
  jitter: fc.constantFrom('full' as const, 'equal' as const, 'decorrelated' as const, 'none' as const),
});
const drawn = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('waits', () => {
  const waits = fc.array(fc.record({ drawn, askedMs: fc.oneof(fc.constant(0), fc.nat(10_000_000)) }), {
    maxLength: 400,
  });
  fc.assert(
    fc.property(backoff, waits, (given, steps) => {
      let random = 0;
      const made = new Waits(given, () => random);
      steps.forEach((step, index) => {
        random = step.drawn;
        const waitMs = made.next(index + 1, step.askedMs);
        const wholeMs = given.baseMs === 0 ? 0 : Math.min(given.capMs, given.baseMs * given.factor ** index);
        const fromMs = {
          full: 0,
          equal: wholeMs / 2,
          none: wholeMs,
          decorrelated: Math.min(given.baseMs, given.capMs),
        }[given.jitter];
        const toMs = given.jitter === 'decorrelated' ? given.capMs : wholeMs;
        expect(Number.isSafeInteger(waitMs)).toBe(true);
        expect(waitMs).toBeGreaterThanOrEqual(Math.max(Math.floor(fromMs), step.askedMs));
        expect(waitMs).toBeLessThanOrEqual(Math.ceil(Math.max(toMs, step.askedMs * 1.1)) + 1);
        if (given.jitter === 'none')
          expect(waitMs).toBe(
            Math.max(Math.round(wholeMs), step.askedMs > 0 ? Math.ceil(Math.max(wholeMs, step.askedMs)) : 0),
          );
      });
    }),
  );
});

test('decorrelated waits grow at most threefold', () => {
  fc.assert(
    fc.property(backoff, fc.array(drawn, { minLength: 1, maxLength: 50 }), (given, draws) => {
      let random = 0;
      const made = new Waits({ ...given, jitter: 'decorrelated' }, () => random);
      let lastMs = given.baseMs;
      for (const [index, each] of draws.entries()) {
        random = each;
        const waitMs = made.next(index + 1, 0);
        expect(waitMs).toBeLessThanOrEqual(Math.max(lastMs * 3 + 2, Math.min(given.baseMs, given.capMs)));
        lastMs = waitMs;
      }
    }),
  );
});

test('in any ten seconds no more retries than the budget has, and no fewer', () => {
  const steps = fc.array(
    fc.record({
      is: fc.constantFrom('call' as const, 'retry' as const),
      afterMs: fc.oneof(fc.nat(50), fc.nat(3000), fc.nat(40_000)),
    }),
    { maxLength: 300 },
  );
  const ratio = fc.constantFrom(0, 0.1, 0.2, 0.5, 1, 2);
  fc.assert(
    fc.property(
      ratio,
      fc.constantFrom(0, 0.1, 1, 3),
      fc.nat(1_000_000),
      steps,
      (share, perSecond, startMs, plan) => {
        const budget = new RetryBudget(share, perSecond);
        const calls: number[] = [];
        const retries: number[] = [];
        let nowMs = startMs;
        // By whole seconds, the one under way included.
        const recent = (times: number[]) =>
          times.filter(at => Math.floor(nowMs / 1000) - Math.floor(at / 1000) < 10).length;
        for (const { is, afterMs } of plan) {
          nowMs += afterMs;
          if (is === 'call') {
            budget.call(nowMs);
            calls.push(nowMs);
            continue;
          }
          const isAllowed = recent(retries) + 1 <= recent(calls) * share + perSecond * 10 + 1e-6;
          expect(budget.retry(nowMs)).toBe(isAllowed);
          if (isAllowed) retries.push(nowMs);
        }
      },
    ),
  );
});
