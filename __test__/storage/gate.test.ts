/** What waits for the disk: the order in which it is told, and how waiting ends. */
import { join, resolve } from 'node:path';
import { eventually } from '../support/system';

const parts = join(resolve(__dirname, '../../dist'), 'backend/storage');
const { Gate } = require(join(parts, 'gate.js')) as typeof import('../../facade/backend/storage/gate');
const { Waiters } = require(
  join(parts, 'waiters.js'),
) as typeof import('../../facade/backend/storage/waiters');

function makeDisk() {
  const disk = { written: 0, durable: 0, writtenSeq: () => disk.written, durableSeq: () => disk.durable };
  return disk;
}

describe('a gate', () => {
  test('lets everything through while nothing is under way', () => {
    const disk = makeDisk();
    const gate = new Gate(disk);
    const told: string[] = [];
    gate.tell(() => told.push('a'));
    const { value, seq, hasWritten, events } = gate.decide(() => {
      gate.tell(() => told.push('b'));
      return 7;
    });
    expect({ value, seq, hasWritten, told }).toEqual({ value: 7, seq: 0, hasWritten: false, told: ['a'] });
    expect(gate.isOpenFor(seq)).toBe(true);
    expect(events).toHaveLength(1);
  });

  test('tells in the order of the decisions, each when all before it is on disk', () => {
    const disk = makeDisk();
    const gate = new Gate(disk);
    const told: string[] = [];
    const decide = (name: string, writes: boolean) => {
      const decision = gate.decide(() => {
        if (writes) disk.written += 1;
        gate.tell(() => told.push(`${name} event`));
      });
      expect(decision.hasWritten).toBe(writes);
      expect(gate.isOpenFor(decision.seq)).toBe(false);
      gate.hold({ seq: decision.seq, events: decision.events, done: () => told.push(name) });
    };
    decide('first', true);
    decide('reads what the first wrote', false);
    decide('second', true);
    gate.tell(() => told.push('a timer'));
    gate.release();
    expect(told).toEqual([]);
    disk.durable = 1;
    gate.release();
    expect(told).toEqual([
      'first event',
      'first',
      'reads what the first wrote event',
      'reads what the first wrote',
    ]);
    disk.durable = 2;
    // Nobody overtakes who waits, although the disk has caught up.
    expect(gate.isOpenFor(0)).toBe(false);
    gate.release();
    expect(told.slice(4)).toEqual(['second event', 'second', 'a timer']);
    expect(gate.size).toBe(0);
    expect(gate.isOpenFor(2)).toBe(true);
  });

  test('what a listener asks for comes behind what waits, or waits itself', () => {
    const disk = makeDisk();
    const gate = new Gate(disk);
    const told: string[] = [];
    disk.written = 1;
    const listener = () => {
      told.push('listener');
      disk.written = 2;
      const { seq, events } = gate.decide(() => gate.tell(() => told.push('nested')));
      expect(gate.isOpenFor(seq)).toBe(false);
      gate.hold({ seq, events, done: undefined });
    };
    gate.hold({ seq: 1, events: [listener], done: () => told.push('done') });
    disk.durable = 1;
    gate.release();
    expect(told).toEqual(['listener', 'done']);
    disk.durable = 2;
    gate.release();
    expect(told).toEqual(['listener', 'done', 'nested']);
  });

  test('an event that throws keeps nothing back', () => {
    const disk = makeDisk();
    const gate = new Gate(disk);
    const told: string[] = [];
    disk.written = 1;
    const throws = () => {
      throw new Error('emit was replaced');
    };
    gate.hold({ seq: 1, events: [throws, () => told.push('event')], done: () => told.push('done') });
    disk.durable = 1;
    gate.release();
    expect(told).toEqual(['event', 'done']);
    expect(() => gate.tell(throws)).not.toThrow();
  });

  test('what was dropped is never told', () => {
    const disk = makeDisk();
    const gate = new Gate(disk);
    disk.written = 1;
    const held = { seq: 1, events: [() => expect('this').toBe('never told')], done: undefined };
    gate.hold(held);
    gate.drop(held);
    expect(gate.size).toBe(0);
  });
});

describe('waiters', () => {
  const patience = { timeoutMs: 60_000, onLate: () => {} };

  test('are refused beyond their limit, and tell when they are busy', async () => {
    const busy: boolean[] = [];
    const waiters = new Waiters(2, is => busy.push(is));
    const [one, two] = [waiters.begin<number>(patience), waiters.begin<number>(patience)];
    expect(waiters.hasRoom).toBe(false);
    expect(waiters.noRoomError().message).toBe('2 operations are waiting already (maxPending)');
    one.resolve(1);
    one.reject(new Error('too late'));
    expect(waiters.hasRoom).toBe(true);
    two.resolve(2);
    expect(await Promise.all([one.promise, two.promise])).toEqual([1, 2]);
    expect(busy).toEqual([true, false]);
  });

  test('end with their own deadlines, whatever timers a test has faked', async () => {
    jest.useFakeTimers();
    try {
      const waiters = new Waiters(10, () => {});
      const late: string[] = [];
      const begin = (name: string, timeoutMs: number) => {
        const waiter = waiters.begin<void>({
          timeoutMs,
          onLate: () => {
            late.push(name);
            waiter.resolve();
          },
        });
        return waiter;
      };
      const patient = begin('patient', 60_000);
      const [slow, quick] = [begin('slow', 40), begin('quick', 5)];
      jest.advanceTimersByTime(30_000);
      expect(late).toEqual([]);
      jest.useRealTimers();
      // Nothing else keeps the process alive here.
      await eventually('both deadlines', () => (waiters.size === 1 ? true : undefined));
      await Promise.all([slow.promise, quick.promise]);
      expect(late).toEqual(['quick', 'slow']);
      patient.resolve();
    } finally {
      jest.useRealTimers();
    }
  });

  test('end with their signals, and tell it', async () => {
    const waiters = new Waiters(10, () => {});
    const controller = new AbortController();
    let aborted = 0;
    const listening = { ...patience, signal: controller.signal, onAborted: () => aborted++ };
    const [one, other] = [waiters.begin<void>(listening), waiters.begin<void>(listening)];
    other.resolve();
    controller.abort(new Error('enough'));
    await expect(one.promise).rejects.toThrow('enough');
    await other.promise;
    // Aborted already.
    await expect(waiters.begin<void>(listening).promise).rejects.toThrow('enough');
    expect(aborted).toBe(2);
    expect(waiters.size).toBe(0);
  });

  test('are all sent home', async () => {
    const waiters = new Waiters(10, () => {});
    const waiting = [waiters.begin<void>(patience), waiters.begin<void>(patience)];
    waiters.rejectAll(new Error('closed'));
    for (const { promise } of waiting) await expect(promise).rejects.toThrow('closed');
    expect(waiters.size).toBe(0);
  });
});
