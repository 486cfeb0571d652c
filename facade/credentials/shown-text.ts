/** What a value shows when somebody logs it: inspected, as JSON, as a string. */
import { inspect, types } from 'node:util';
import { isError } from '../providers/members';

/** As deep as it is inspected. */
const DEPTH_MAX = 10;
/** What `toJSON` returned may have one, too. */
const TOLD_MAX = 10;
/** More than errors hold that carry a whole client, or a long answer. */
const OBJECTS_MAX = 200_000;

/**
 * Headers show themselves by a function of their own only, other things only without it. Inspection goes into things to
 * a depth, and through some of what is in a list: all texts in it are shown beside that. Throws when there is more than
 * anybody would look through.
 */
export function* shownTexts(value: unknown): Iterable<string> {
  const { said, texts } = saidByFunctions(value);
  yield texts.join('\n');
  const all = [value, ...said];
  for (const customInspect of [true, false]) {
    yield inspect(all, {
      depth: DEPTH_MAX + 1,
      showHidden: true,
      getters: true,
      customInspect,
      maxArrayLength: 1000,
      maxStringLength: null,
      // One word per line would cut nothing, but a long token must not be broken either.
      breakLength: Number.POSITIVE_INFINITY,
    });
  }
}

/** What `toJSON` of everything in it returns, and `toString` of errors: no inspection calls them. And every text in it. */
function saidByFunctions(value: unknown): { said: unknown[]; texts: string[] } {
  const [said, texts]: [unknown[], string[]] = [[], []];
  const seen = new Set<object>();
  const waiting = [{ next: value, told: 0 }];
  while (waiting.length > 0) {
    const { next, told } = waiting.pop() as (typeof waiting)[number];
    if (typeof next === 'string') texts.push(next);
    if (!isOpen(next) || seen.has(next)) continue;
    if (seen.size >= OBJECTS_MAX) throw new RangeError('more than is looked through');
    seen.add(next);
    const json = told < TOLD_MAX ? called(next, 'toJSON') : undefined;
    if (json !== undefined && json !== next) {
      said.push(json);
      waiting.push({ next: json, told: told + 1 });
    }
    if (isError(next)) said.push(called(next, 'toString'));
    for (const held of heldBy(next)) waiting.push({ next: held, told });
  }
  return { said, texts };
}

/** A proxy may do anything when it is asked, and bytes are inspected as they are. */
function isOpen(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return !types.isProxy(value) && !ArrayBuffer.isView(value);
}

/** A function that throws shows nothing. */
function called(holder: object, name: 'toJSON' | 'toString'): unknown {
  try {
    const own = (holder as Record<string, unknown>)[name];
    return typeof own === 'function' ? own.call(holder, '') : undefined;
  } catch {
    return undefined;
  }
}

function heldBy(holder: object): unknown[] {
  try {
    if (types.isMap(holder)) return [...Map.prototype.entries.call(holder)].flat();
    if (types.isSet(holder)) return [...Set.prototype.values.call(holder)];
    const keys = Reflect.ownKeys(holder);
    const names = Array.isArray(holder)
      ? []
      : keys.map(key => (typeof key === 'symbol' ? key.description : key));
    return [...names, ...keys.map(key => read(holder, key))];
  } catch {
    return [];
  }
}

function read(holder: object, key: PropertyKey): unknown {
  try {
    return (holder as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}
