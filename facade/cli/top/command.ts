import { PERIODS } from '../../periods';
import { readSnapshot, type Snapshot } from '../../serve/snapshot';
import type { TokenBudgetTracker } from '../../tracker';
import { readDuration } from '../arguments';
import { CommandError, EXIT, UsageError } from '../exit';
import { knownOrchestrators } from '../known/names';
import { write } from '../output';
import { Interrupt } from '../replay/interrupt';
import { parseTargetArguments, readTarget, TARGET_HELP, type Target, withTracker } from '../target';
import { paintFor } from '../text';
import { renderTop, type TopView } from './render';
import { type Key, Screen } from './screen';

export const help = `Usage: token-budget top [options] [orchestrator...]

Who uses most, live. Without names: every orchestrator that has keys on the
Redis server, and those of the configuration.

Keys: up and down choose an orchestrator, left and right what is sorted by (the
tightest window of each, hourly, daily, monthly), q quits.

${TARGET_HELP}
Output:
  --once                   one table, for pipes and scripts
  --by <period>            sort by tightest (default), hourly, daily or monthly
  --every <duration>       how often it is looked (default 1s)
  -h, --help               this page

In the bar # is used, = is reserved and . is left, of tokens or of money: what
is used more of its limit. It says so (95.0% of cost) when that is money.

Example:
  token-budget top --redis redis://localhost --budget hourly=100k
`;

export const OPTIONS = {
  once: { type: 'boolean' },
  by: { type: 'string' },
  every: { type: 'string' },
} as const;

const ORDERS = ['tightest', ...PERIODS] as const;
/** A new orchestrator appears after so long: listing walks over the keys of the server. */
const NAMES_LAST_MS = 10_000;
const EVERY_MIN_MS = 100;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseTargetArguments(args, OPTIONS);
  const by = readOrder(values.by ?? 'tightest');
  const everyMs = Math.max(EVERY_MIN_MS, readDuration(values.every ?? '1s', '--every'));
  const timeoutMs = readDuration(values.timeout ?? '5s', '--timeout');
  const target = readTarget(values, process.env, timeoutMs);
  const live = !values.once;
  if (live && !(process.stdin.isTTY && process.stdout.isTTY)) {
    throw new UsageError('top needs a terminal; --once writes one table');
  }
  return withTracker(target, async tracker => {
    const source = new Source(tracker, target, positionals, timeoutMs);
    if (live) return watch(source, by, everyMs);
    const snapshot = await source.take();
    if (snapshot.failure !== null) throw new CommandError(snapshot.failure);
    const columns = process.stdout.columns || Number.MAX_SAFE_INTEGER;
    const view: TopView = { by, selected: null, columns, rows: null, nowMs: Date.now() };
    const lines = renderTop(snapshot, view, paintFor(process.stdout, process.env));
    await write(process.stdout, `${lines.join('\n')}\n`);
    return EXIT.fine;
  });
}

/** Until a key or a signal ends it. */
async function watch(source: Source, by: TopView['by'], everyMs: number): Promise<number> {
  const interrupt = new Interrupt();
  const paint = paintFor(process.stdout, process.env);
  const view = { by, selected: 0 };
  let snapshot = await source.take();
  let end: () => void = () => {};
  const ended = new Promise<void>(resolve => {
    end = resolve;
  });
  const screen = new Screen(process.stdin, process.stdout, key => {
    if (key === 'quit') return end();
    move(view, key, snapshot.orchestrators.length);
    draw();
  });
  const draw = () => {
    const { columns, rows } = screen;
    screen.draw(renderTop(snapshot, { ...view, columns, rows, nowMs: Date.now() }, paint));
  };
  interrupt.signal.addEventListener('abort', () => end(), { once: true });
  process.stdout.on('resize', draw);
  let over = false;
  let timer: NodeJS.Timeout | undefined;
  const next = () => {
    timer = setTimeout(async () => {
      const taken = await source.take();
      if (over) return;
      snapshot = taken;
      draw();
      next();
    }, everyMs);
  };
  screen.enter();
  try {
    draw();
    next();
    await ended;
  } finally {
    over = true;
    clearTimeout(timer);
    process.stdout.off('resize', draw);
    screen.leave();
    interrupt.stopListening();
  }
  return interrupt.exitCode ?? EXIT.fine;
}

function move(view: { by: TopView['by']; selected: number }, key: Key, count: number): void {
  const turn = (by: number) => {
    const at = (ORDERS.indexOf(view.by) + by + ORDERS.length) % ORDERS.length;
    view.by = ORDERS[at] as TopView['by'];
  };
  if (key === 'up') view.selected = Math.max(0, view.selected - 1);
  else if (key === 'down') view.selected = Math.min(Math.max(0, count - 1), view.selected + 1);
  else turn(key === 'right' ? 1 : -1);
}

/** Snapshots, with a list of names that is looked up now and then. */
class Source {
  readonly #tracker: TokenBudgetTracker;
  readonly #target: Target;
  readonly #given: readonly string[];
  readonly #timeoutMs: number;
  #names: string[] = [];
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(tracker: TokenBudgetTracker, target: Target, given: readonly string[], timeoutMs: number) {
    this.#tracker = tracker;
    this.#target = target;
    this.#given = given;
    this.#timeoutMs = timeoutMs;
  }

  /** The first one rejects when there is no list of names; later the old one serves. */
  async take(): Promise<Snapshot> {
    const first = this.#atMs === Number.NEGATIVE_INFINITY;
    if (performance.now() - this.#atMs >= NAMES_LAST_MS) {
      try {
        this.#names = (await knownOrchestrators(this.#target, this.#given, this.#timeoutMs)).names;
      } catch (error) {
        if (first) throw error;
      }
      this.#atMs = performance.now();
    }
    return readSnapshot(this.#tracker, this.#names);
  }
}

function readOrder(text: string): TopView['by'] {
  const found = ORDERS.find(order => order === text);
  if (found === undefined) {
    throw new UsageError(`--by: expected ${ORDERS.join(', ')}, got ${JSON.stringify(text)}`);
  }
  return found;
}
