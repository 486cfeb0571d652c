import { types } from 'node:util';
import { items, member } from './members';
import { KNOWN_HEADERS } from './names';

/** Names in lower case. */
export type HeaderMap = ReadonlyMap<string, string>;

/** Of one message; servers send fewer. */
const HEADERS_MAX = 512;
/** Longer values mean something else. */
const VALUE_MAX_LENGTH = 8192;

/**
 * The headers in any of the usual containers: `Headers`, a `Map`, pairs, the flat `rawHeaders` of Node.js, or
 * an object such as Node's `IncomingHttpHeaders` or axios's, or one that only has `get(name)`. Names in any case. A header that is there
 * several times is joined with commas, as HTTP has it.
 */
export function headerMap(source: unknown): HeaderMap {
  const headers = new Map<string, string>();
  if (typeof source !== 'object' || source === null) return headers;
  for (const [name, value] of entriesOf(source)) {
    const text = headerText(value);
    if (typeof name !== 'string' || text === undefined) continue;
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? text : `${before}, ${text}`);
  }
  return headers;
}

function headerText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.length <= VALUE_MAX_LENGTH ? value.trim() : undefined;
    case 'number':
    case 'boolean':
      return String(value);
    default: {
      const texts = items(value, HEADERS_MAX).filter(each => typeof each === 'string');
      return texts.length > 0 ? headerText(texts.map(text => text.trim()).join(', ')) : undefined;
    }
  }
}

type Entry = readonly [unknown, unknown];

function entriesOf(source: object): Entry[] {
  try {
    if (types.isMap(source)) return iterated(Map.prototype.entries.call(source));
    if (Array.isArray(source)) return pairs(items(source, 2 * HEADERS_MAX));
    const iterate = member(source, Symbol.iterator);
    if (typeof iterate === 'function') return iterated(iterate.call(source));
    const get = member(source, 'get');
    if (typeof get === 'function') return KNOWN_HEADERS.map(name => [name, get.call(source, name)]);
    return ownEntries(source);
  } catch {
    return [];
  }
}

function iterated(iterator: Iterator<unknown>): Entry[] {
  const found: Entry[] = [];
  for (let count = 0; count < HEADERS_MAX; count += 1) {
    const { done, value } = iterator.next();
    if (done === true) break;
    const [name, held] = items(value, 2);
    found.push([name, held]);
  }
  return found;
}

/** `[['a', '1']]`, or `['a', '1']`. */
function pairs(list: unknown[]): Entry[] {
  if (typeof list[0] !== 'string') return list.slice(0, HEADERS_MAX).map(each => toEntry(items(each, 2)));
  const found: Entry[] = [];
  for (let index = 0; index + 1 < list.length; index += 2) found.push([list[index], list[index + 1]]);
  return found;
}

function toEntry(pair: unknown[]): Entry {
  return [pair[0], pair[1]];
}

function ownEntries(source: object): Entry[] {
  return Object.keys(source)
    .slice(0, HEADERS_MAX)
    .map(name => [name, member(source, name)]);
}
