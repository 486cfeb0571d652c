/**
 * Real traffic that is more than the limits allow: no rolling minute is ever exceeded, and nearly nothing of what
 * would have been possible is wasted. The traces are kept beside the project, where they are there.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Permit, RateLimits } from '@wundr.io/token-budget/rate-limit';
import { NOON, plain, settled, useFakeTime } from './helpers';

const folder = join(__dirname, '../../../shared/data');
const present = existsSync(folder);
const title = present ? '' : ' (skipped: no ../shared/data)';
const testWithTraces = present ? test : test.skip;

const MINUTE_MS = 60_000;

type Limits = Required<Pick<RateLimits, 'rpm' | 'itpm' | 'otpm'>>;

interface Call {
  /** Since the first one. */
  arrivesMs: number;
  input: number;
  output: number;
  /** What is set aside for it: its caller knows the order of magnitude. */
  maxOutput: number;
  durationMs: number;
}

function traceOf(file: string): Call[] {
  const rows = readFileSync(join(folder, file), 'utf8').trim().split('\n').slice(1);
  const calls = rows.map(row => {
    const [at = '', input, output] = row.split(',');
    const tokens = Number(output);
    return {
      arrivesMs: Date.parse(`${at.slice(0, 23).replace(' ', 'T')}Z`),
      input: Number(input),
      output: tokens,
      maxOutput: Math.max(64, 2 ** Math.ceil(Math.log2(tokens))),
      // Half a second to the first word, and 50 words a second.
      durationMs: 500 + 20 * tokens,
    };
  });
  const [first] = calls;
  return calls.map(call => ({ ...call, arrivesMs: call.arrivesMs - (first?.arrivesMs ?? 0) }));
}

/** One rolling minute, exact to the millisecond; counted is what is in force at the time. */
class Minute {
  readonly #entries: Array<{ atMs: number; input: number; output: number }> = [];
  #first = 0;
  readonly sum = { requests: 0, input: 0, output: 0 };

  /** Forgets what was admitted before `fromMs`. */
  forget(fromMs: number): void {
    for (; this.#first < this.#entries.length; this.#first++) {
      const entry = this.#entries[this.#first];
      if (entry === undefined || entry.atMs >= fromMs) return;
      this.sum.requests -= 1;
      this.sum.input -= entry.input;
      this.sum.output -= entry.output;
    }
  }

  /** When the oldest one was admitted. */
  get oldestMs(): number | undefined {
    return this.#entries[this.#first]?.atMs;
  }

  /** Answers its number, for {@link correct}. */
  add(atMs: number, input: number, output: number): number {
    this.sum.requests += 1;
    this.sum.input += input;
    this.sum.output += output;
    return this.#entries.push({ atMs, input, output }) - 1;
  }

  correct(number: number, output: number): void {
    const entry = this.#entries[number];
    if (entry === undefined || number < this.#first) return;
    this.sum.output += output - entry.output;
    entry.output = output;
  }
}

const fits = ({ sum }: Minute, call: Call, limits: Limits) =>
  sum.requests + 1 <= limits.rpm &&
  sum.input + call.input <= limits.itpm &&
  sum.output + call.maxOutput <= limits.otpm;

/** When the last call ends if each is made, in its turn, at the first millisecond at which it fits. */
function greedyMs(calls: readonly Call[], limits: Limits): number {
  const minute = new Minute();
  const ends: Array<{ atMs: number; number: number; output: number }> = [];
  let nowMs = 0;
  let lastMs = 0;
  for (const call of calls) {
    nowMs = Math.max(nowMs, call.arrivesMs);
    for (;;) {
      while (ends[0] !== undefined && ends[0].atMs <= nowMs) {
        minute.correct(ends[0].number, ends[0].output);
        ends.shift();
      }
      // What was admitted a whole minute ago is in it no more.
      minute.forget(nowMs - MINUTE_MS + 1);
      if (fits(minute, call, limits)) break;
      nowMs = Math.min(ends[0]?.atMs ?? Infinity, (minute.oldestMs ?? Infinity) + MINUTE_MS);
    }
    const end = {
      atMs: nowMs + call.durationMs,
      number: minute.add(nowMs, call.input, call.maxOutput),
      output: call.output,
    };
    let index = ends.length;
    while (index > 0 && (ends[index - 1]?.atMs ?? 0) > end.atMs) index -= 1;
    ends.splice(index, 0, end);
    lastMs = Math.max(lastMs, end.atMs);
  }
  return lastMs;
}

/** The same calls through a limiter, in fake time. */
class Replay {
  readonly minute = new Minute();
  readonly #manager: ReturnType<typeof plain>;
  readonly #limits: Limits;
  violations = 0;
  outOfTurn = 0;
  unknown = 0;
  ended = 0;
  lastMs = 0;
  #lastTurn = -1;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#manager = plain(limits, { maxWaiting: 100_000 });
  }

  async run(calls: readonly Call[]): Promise<void> {
    const arrive = (turn: number) => {
      const call = calls[turn];
      if (call === undefined) return;
      const { input, maxOutput } = call;
      const asked = this.#manager.acquire({ inputTokens: input, maxOutputTokens: maxOutput });
      void asked.then(permit => this.#admitted(permit, turn, call));
      const next = calls[turn + 1];
      if (next !== undefined) setTimeout(arrive, next.arrivesMs - call.arrivesMs, turn + 1);
    };
    arrive(0);
    await settled();
    while (this.ended < calls.length) {
      jest.advanceTimersToNextTimer();
      await settled();
    }
  }

  #admitted(permit: Permit, turn: number, { input, output, maxOutput, durationMs }: Call): void {
    const atMs = permit.admittedAt.getTime() - NOON;
    if (turn !== this.#lastTurn + 1) this.outOfTurn += 1;
    this.#lastTurn = turn;
    const number = this.minute.add(atMs, input, maxOutput);
    // Both of its ends belong to the minute.
    this.minute.forget(atMs - MINUTE_MS);
    const { requests, input: inputs, output: outputs } = this.minute.sum;
    const { rpm, itpm, otpm } = this.#limits;
    if (requests > rpm || inputs > itpm || outputs > otpm) this.violations += 1;
    setTimeout(() => {
      this.minute.correct(number, output);
      void permit.settle({ inputTokens: input, outputTokens: output }).then(({ known }) => {
        if (!known) this.unknown += 1;
        this.ended += 1;
        this.lastMs = Date.now() - NOON;
      });
    }, durationMs);
  }
}

describe('real traffic', () => {
  useFakeTime();

  testWithTraces.each<[string, string, number, Limits]>([
    ['conversations', 'azure-llm-conv-2023.csv', 19_366, { rpm: 280, itpm: 310_000, otpm: 64_000 }],
    ['code', 'azure-llm-code-2023.csv', 8_819, { rpm: 140, itpm: 260_000, otpm: 4_200 }],
  ])(
    `%s: no minute is exceeded, and at least 95 %% of what is possible is used${title}`,
    async (_name, file, count, limits) => {
      const calls = traceOf(file);
      expect(calls).toHaveLength(count);
      const bestMs = greedyMs(calls, limits);
      // More is asked for than the limits allow.
      expect(bestMs).toBeGreaterThan(1.1 * (calls.at(-1)?.arrivesMs ?? 0));
      const replay = new Replay(limits);
      await replay.run(calls);
      const { ended, violations, outOfTurn, unknown } = replay;
      expect({ ended, violations, outOfTurn, unknown }).toEqual({
        ended: count,
        violations: 0,
        outOfTurn: 0,
        unknown: 0,
      });
      expect(replay.lastMs).toBeLessThanOrEqual(bestMs / 0.95);
    },
    60_000,
  );
});
