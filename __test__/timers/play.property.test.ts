/** Whatever is made, changed, cancelled, closed and opened: each timer fires once, when it is due, and not before. */
import type { TimerExpiredEvent, TokenCoordinator } from '@wundr.io/token-budget/timers';
import fc from '../support/properties';
import { advance, coordinator, useFakeTime } from './helpers';

useFakeTime();

type Step =
  | { do: 'create'; ms: number; every: boolean }
  | { do: 'cancel' | 'update'; which: number; ms: number }
  | { do: 'reopen'; which: number }
  | { do: 'pass'; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('create' as const), ms: fc.nat(20_000), every: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('cancel' as const, 'update' as const),
      which: fc.nat(50),
      ms: fc.nat(20_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), which: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(10_000) }) },
);

/** Coordinators on one memory look at it once a second. */
const LATE_MAX_MS = 1000;
let plays = 0;

test('random plays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async steps => {
      plays += 1;
      await play(steps, { name: `play-${process.pid}-${plays}` });
    }),
    { numRuns: 60 },
  );
});

async function play(steps: readonly Step[], memory: { name: string }): Promise<void> {
  const events: TimerExpiredEvent[] = [];
  const open = () => {
    const made = coordinator({ memory });
    made.on('timer:expired', event => {
      events.push(event);
    });
    return made;
  };
  // Keeps the memory, and fires nothing.
  const author = coordinator({ memory, run: false });
  const runners = [open(), open()];
  const made: string[] = [];
  for (const one of steps) await take(one, { author, runners, made, open });
  await advance(60_000);

  const known = new Map<string, number>();
  for await (const { id, status, occurrence, every } of author.timers.listAll()) {
    known.set(id, occurrence);
    if (status === 'fired') expect(occurrence).toBe(1);
    if (every === undefined) expect(status).not.toBe('scheduled');
  }
  const heard = new Map<string, number>();
  for (const { id, firedAt, scheduledFor } of events) {
    heard.set(id, (heard.get(id) ?? 0) + 1);
    const lateMs = firedAt.getTime() - scheduledFor.getTime();
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThanOrEqual(LATE_MAX_MS);
  }
  for (const [id, occurrence] of known) expect(heard.get(id) ?? 0).toBe(occurrence);
  expect(new Set(events.map(({ deliveryId }) => deliveryId)).size).toBe(events.length);
  expect(known.size).toBe(made.length);
  await Promise.all([author, ...runners].map(each => each.close()));
}

interface Stage {
  author: TokenCoordinator;
  runners: TokenCoordinator[];
  made: string[];
  open(): TokenCoordinator;
}

async function take(one: Step, { author, runners, made, open }: Stage): Promise<void> {
  if (one.do === 'pass') {
    await advance(one.ms);
  } else if (one.do === 'create') {
    const when = one.every ? { every: one.ms + 100 } : { duration: one.ms };
    made.push((await author.timers.create({ name: 'n', ...when })).id);
  } else if (one.do === 'reopen') {
    const index = one.which % runners.length;
    await runners[index]?.close();
    runners[index] = open();
  } else if (made.length > 0) {
    const id = made[one.which % made.length] ?? '';
    if (one.do === 'cancel') await author.timers.cancel(id);
    else
      await author.timers
        .update(id, { duration: one.ms })
        .catch(error => expect(error.code).toBe('TIMER_NOT_FOUND'));
  }
}
