/** What happens when several processes make the timer of one reset at the same moment. */
import { coordinator, NOON, SECOND, useFakeTime } from './helpers';

// Not for callers, so no entry of the package has it.
const { partsOfTimers } = jest.requireActual<typeof import('../../facade/timers/service')>(
  '../../dist/timers/service.js',
);

useFakeTime();

const refused = (seconds: number) => ({ status: 429, headers: { 'retry-after': String(seconds) } });

/** One coordinator stands for all processes: what they do comes in a told order. */
function open() {
  const { timers } = coordinator({ run: false });
  const { store } = partsOfTimers(timers as never);
  const scheduled = async () =>
    (await timers.list({ status: 'scheduled' })).timers.map(({ endTime }) => endTime.getTime() - NOON);
  return { timers, store, scheduled };
}

/** Does something else right before the store is asked for the first operation of a kind. */
function before(store: ReturnType<typeof open>['store'], kind: string, act: () => Promise<unknown>): void {
  const of = store as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const name = kind === 'create' ? 'create' : 'ask';
  const method = of[name] as (typeof of)[string];
  of[name] = async (...args) => {
    if (name === 'create' || (args[1] as { is: string }).is === kind) {
      of[name] = method;
      await act();
    }
    return Reflect.apply(method, of, args);
  };
}

test('a timer that was put off before it gave way hands that on', async () => {
  const { timers, store, scheduled } = open();
  before(store, 'create', () => timers.fromRateLimit(refused(14)));
  before(store, 'cancel', () => timers.fromRateLimit(refused(40)));
  await timers.fromRateLimit(refused(29));
  expect(await scheduled()).toEqual([40 * SECOND]);
});

test('a timer that gives way before it is put off is no longer counted on', async () => {
  const { timers, store, scheduled } = open();
  const first = await timers.fromRateLimit(refused(29));
  before(store, 'update', () => timers.cancel(String(first?.id)));
  expect(await timers.fromRateLimit(refused(40))).toMatchObject({ status: 'scheduled' });
  expect(await scheduled()).toEqual([40 * SECOND]);
});
