/** What a value shows when somebody logs it: inspected, as JSON, as a string. */
import { inspect, types } from 'node:util';
import { isError } from '../providers/members';

/** As deep as it is looked into. */
const DEPTH_MAX = 10;
/** Of errors with a whole client on them; the rest is only inspected. */
const OBJECTS_MAX = 10_000;

/** Headers show themselves by a function of their own only, other things only without it. */
export function* shownTexts(value: unknown): Iterable<string> {
  const all = [value, ...saidByFunctions(value)];
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

/** What `toJSON` of everything in it returns, and `toString` of errors: no inspection calls them. */
function saidByFunctions(value: unknown): unknown[] {
  const said: unknown[] = [];
  const seen = new Set<object>();
  let level = [value];
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth += 1) {
    const next: unknown[] = [];
    for (const each of level) {
      if (!isOpen(each) || seen.has(each) || seen.size >= OBJECTS_MAX) continue;
      seen.add(each);
      const told = called(each, 'toJSON');
      if (told !== undefined && told !== each) {
        said.push(told);
        next.push(told);
      }
      if (isError(each)) said.push(called(each, 'toString'));
      for (const held of heldBy(each)) next.push(held);
    }
    level = next;
  }
  return said;
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
    return Reflect.ownKeys(holder).map(key => read(holder, key));
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
