import { types } from 'node:util';
import { crypto } from '../crypto';
import { integer, invalid, MAX_DURATION_MS, object, onlyNames, own } from '../validate';

const ENTRIES_MAX = 1_000_000;

export interface ResponseCacheOptions {
  /** The entry that was not used for longest makes room for a new one. */
  maxEntries: number;
  /** How long an entry is good for, in milliseconds; using it does not make that longer. */
  ttlMs: number;
  /** Milliseconds of a clock that never goes back. Default: the process's. */
  now?: () => number;
}

interface Entry<V> {
  value: V;
  expiresAtMs: number;
}

interface Call<V> {
  answer: Promise<V>;
}

/**
 * Keeps answers for a while, by request. What it gives out is what was put in, not a copy.
 *
 * @example
 * ```ts
 * const cache = new ResponseCache<Answer>({ maxEntries: 1000, ttlMs: 60_000 });
 * const answer = await cache.wrap(requestKey(request), () => ask(request));
 * ```
 */
export class ResponseCache<V> {
  readonly #maxEntries: number;
  readonly #ttlMs: number;
  readonly #now: () => number;
  /** The one that was not used for longest comes first. */
  readonly #entries = new Map<string, Entry<V>>();
  readonly #underWay = new Map<string, Call<V>>();

  constructor(options: ResponseCacheOptions) {
    const source = object(options, 'options');
    onlyNames(source, 'options', new Set(['maxEntries', 'ttlMs', 'now']));
    const now = own(source, 'now', 'options') ?? (() => performance.now());
    if (typeof now !== 'function') throw invalid('options.now', 'a function', now);
    this.#maxEntries = integer(own(source, 'maxEntries', 'options'), 'options.maxEntries', 1, ENTRIES_MAX);
    this.#ttlMs = integer(own(source, 'ttlMs', 'options'), 'options.ttlMs', 1, MAX_DURATION_MS);
    this.#now = now as () => number;
  }

  /** Entries that are held; one that has expired counts until it is asked for or makes room. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#live(key)?.value;
  }

  set(key: string, value: V): void {
    // A call under way began before: its answer is older.
    this.#underWay.delete(key);
    this.#keep(key, value);
  }

  /**
   * What is kept, or else the answer of `fn`, which is called once for all who ask while it is under way.
   * A failure is everybody's who waits for it, and is not kept.
   */
  wrap(key: string, fn: () => Promise<V>): Promise<V> {
    if (typeof fn !== 'function') throw invalid('fn', 'a function', fn);
    const entry = this.#live(key);
    if (entry !== undefined) return Promise.resolve(entry.value);
    const asked = this.#underWay.get(key);
    if (asked !== undefined) return asked.answer;
    const answer: Promise<V> = Promise.resolve()
      .then(fn)
      .then(
        value => {
          if (this.#end(key, call)) this.#keep(key, value);
          return value;
        },
        (error: unknown) => {
          this.#end(key, call);
          throw error;
        },
      );
    const call = { answer };
    this.#underWay.set(key, call);
    return answer;
  }

  /** Forgets all; what is under way is answered, and not kept. */
  clear(): void {
    this.#entries.clear();
    this.#underWay.clear();
  }

  /** Whether the call is still the one that is waited for: nothing was set or cleared meanwhile. */
  #end(key: string, call: Call<V>): boolean {
    return this.#underWay.get(key) === call && this.#underWay.delete(key);
  }

  #live(key: string): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (this.#now() >= entry.expiresAtMs) return undefined;
    this.#entries.set(key, entry);
    return entry;
  }

  #keep(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAtMs: this.#now() + this.#ttlMs });
    if (this.#entries.size > this.#maxEntries) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
  }
}

const DEPTH_MAX = 128;

/**
 * A key for a request: the same for equal data, whatever the order of its members, and another for anything
 * else. It is a hash, so that a cache does not hold what was asked.
 *
 * Plain data: objects, arrays, maps, sets, bytes, dates, numbers of both kinds, and what has `toJSON`. Members
 * that are `undefined` are as good as absent. Anything else is refused, for its inside could not be told apart.
 */
export function requestKey(request: unknown): string {
  const hash = crypto().createHash('sha256');
  for (const part of canonical(request, 'request', 0)) hash.update(part);
  return hash.digest('base64url');
}

function* canonical(value: unknown, at: string, depth: number): Generator<string> {
  if (depth > DEPTH_MAX) throw invalid(at, `data at most ${DEPTH_MAX} levels deep`, value);
  switch (typeof value) {
    case 'string':
      yield JSON.stringify(value);
      return;
    case 'bigint':
      yield `${value}n`;
      return;
    case 'number':
    case 'boolean':
    case 'undefined':
      yield String(value);
      return;
    case 'object':
      if (value === null) yield 'null';
      else yield* canonicalObject(value, at, depth + 1);
      return;
    default:
      throw invalid(at, 'plain data', value);
  }
}

function* canonicalObject(value: object, at: string, depth: number): Generator<string> {
  const list = function* (open: string, values: Iterable<unknown>, close: string): Generator<string> {
    yield open;
    let index = 0;
    for (const each of values) {
      yield* canonical(each, `${at}[${index}]`, depth);
      yield ',';
      index += 1;
    }
    yield close;
  };
  if (Array.isArray(value)) yield* list('[', value, ']');
  else if (types.isDate(value)) yield `date ${Number(value)}`;
  else if (types.isMap(value)) yield* list('map[', value, ']');
  else if (types.isSet(value)) yield* list('set[', value, ']');
  else if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    yield `${Object.prototype.toString.call(value)} ${bytes.toString('base64')}`;
  } else if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    yield* canonical((value as { toJSON(): unknown }).toJSON(), at, depth);
  } else if (isPlain(value)) {
    yield '{';
    for (const name of Object.keys(value).sort()) {
      const member = (value as Record<string, unknown>)[name];
      if (member === undefined) continue;
      yield `${JSON.stringify(name)}:`;
      yield* canonical(member, `${at}.${name}`, depth);
      yield ',';
    }
    yield '}';
  } else throw invalid(at, 'plain data', value);
}

/** Of any realm. */
function isPlain(value: object): boolean {
  const parent: unknown = Object.getPrototypeOf(value);
  return parent === null || Object.getPrototypeOf(parent) === null;
}
