/** Reads what others made, whatever it is. Nothing here throws. */

const { getPrototypeOf, hasOwn } = Object;

/** Classes of responses and errors derive from fewer. */
const CLASSES_MAX = 8;

/**
 * A member of an object or of its class: `status` of a `Response` is a getter of its prototype. The root of
 * all objects is never asked, so a polluted `Object.prototype` says nothing.
 */
export function member(source: unknown, name: PropertyKey): unknown {
  if (typeof source !== 'object' || source === null) return undefined;
  try {
    let holder: object | null = source;
    for (let depth = 0; holder !== null && depth < CLASSES_MAX; depth += 1) {
      const parent: object | null = getPrototypeOf(holder);
      if (parent === null && holder !== source) return undefined;
      if (hasOwn(holder, name)) return (source as Record<PropertyKey, unknown>)[name];
      holder = parent;
    }
  } catch {
    // A getter or a proxy that throws has nothing to say.
  }
  return undefined;
}

export function objectMember(source: unknown, name: string): object | undefined {
  const value = member(source, name);
  return typeof value === 'object' && value !== null ? value : undefined;
}

export function textMember(source: unknown, name: string): string | undefined {
  const value = member(source, name);
  return typeof value === 'string' ? value : undefined;
}

/** The first elements of an array; empty for anything else. */
export function items(value: unknown, max: number): unknown[] {
  const found: unknown[] = [];
  try {
    if (!Array.isArray(value)) return found;
    const length = Math.min(value.length, max);
    for (let index = 0; index < length; index += 1) {
      found.push(hasOwn(value, index) ? value[index] : undefined);
    }
  } catch {
    // What was read so far counts.
  }
  return found;
}

export function isError(value: unknown): boolean {
  try {
    return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
  } catch {
    return false;
  }
}

/** Whether it is an array or an object of no class that holds nothing. */
export function isEmpty(value: object): boolean {
  try {
    if (Array.isArray(value)) return value.length === 0;
    const parent = getPrototypeOf(value);
    return (parent === null || getPrototypeOf(parent) === null) && Reflect.ownKeys(value).length === 0;
  } catch {
    return false;
  }
}
