import { TokenBudgetError } from '../errors';
import { isArray } from '../text';
import { integer, invalid, object, onlyNames, own } from '../validate';

/** No timer is longer. */
const WAIT_MAX_MS = 2_147_483_647;
const SIZE_MAX = 10_000;

export interface BatchOptions {
  /** So many items are sent at once, at the latest: 1 to 10,000. */
  maxSize: number;
  /** How long the first item waits for others, in milliseconds. */
  maxWaitMs: number;
}

/** Sends one item along with others. */
export interface Batched<T, R> {
  (item: T): Promise<R>;
  /** Sends at once what waits. Resolves when every batch that is under way then has ended, however it did. */
  flush(): Promise<void>;
  /** Items that wait. */
  readonly size: number;
}

interface Waiting<T, R> {
  item: T;
  resolve(result: R): void;
  reject(reason: unknown): void;
}

/**
 * Combines small requests: `fn` gets the items in the order in which they came, and the result at an index
 * belongs to the item at that index. When it rejects, or answers with another number of results, every item of
 * that batch rejects, and no other. Batches may overlap.
 *
 * While items wait the process stays alive: whoever called waits for an answer, so the timer is not `unref`'d.
 *
 * @example
 * ```ts
 * const embed = batch((texts: string[]) => client.embed(texts), { maxSize: 100, maxWaitMs: 20 });
 * const [a, b] = await Promise.all([embed('one'), embed('two')]); // one request
 * ```
 */
export function batch<T, R>(fn: (items: T[]) => Promise<readonly R[]>, options: BatchOptions): Batched<T, R> {
  if (typeof fn !== 'function') throw invalid('fn', 'a function', fn);
  const source = object(options, 'options');
  onlyNames(source, 'options', new Set(['maxSize', 'maxWaitMs']));
  const maxSize = integer(own(source, 'maxSize', 'options'), 'options.maxSize', 1, SIZE_MAX);
  const maxWaitMs = integer(own(source, 'maxWaitMs', 'options'), 'options.maxWaitMs', 0, WAIT_MAX_MS);

  let waiting: Array<Waiting<T, R>> = [];
  let timer: NodeJS.Timeout | undefined;
  const underWay = new Set<Promise<void>>();

  const send = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    const sent = waiting;
    waiting = [];
    const ended = run(fn, sent).finally(() => underWay.delete(ended));
    underWay.add(ended);
  };

  const add = (item: T) =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (waiting.length >= maxSize) send();
      else timer ??= setTimeout(send, maxWaitMs);
    });

  return Object.defineProperties(add, {
    flush: {
      value: async () => {
        send();
        await Promise.all(underWay);
      },
    },
    size: { get: () => waiting.length },
  }) as Batched<T, R>;
}

/** Never rejects: the callers hear of it. */
async function run<T, R>(
  fn: (items: T[]) => Promise<readonly R[]>,
  sent: ReadonlyArray<Waiting<T, R>>,
): Promise<void> {
  try {
    const results = await fn(sent.map(({ item }) => item));
    if (!isArray(results) || results.length !== sent.length) {
      const got = isArray(results) ? `${results.length}` : 'no array';
      const message = `fn: expected an array of ${sent.length} results, one for each item, got ${got}`;
      throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: 'fn' });
    }
    for (const [index, { resolve }] of sent.entries()) resolve(results[index] as R);
  } catch (error) {
    for (const { reject } of sent) reject(error);
  }
}
