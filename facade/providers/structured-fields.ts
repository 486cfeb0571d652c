/** One member of a list: a name and its parameters. */
export interface ListItem {
  name: string;
  parameters: ReadonlyMap<string, string | number | boolean>;
}

/** Members of a list; nobody has more policies. */
const ITEMS_MAX = 64;

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const NUMBER = /-?\d{1,15}(?:\.\d{1,3})?/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~:/\w]*/y;
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const BYTES = /:[A-Za-z0-9+/=]*:/y;
const BOOLEAN = /\?[01]/y;
const SPACE = /[ \t]*/y;

/**
 * A list of strings or tokens with parameters, as structured fields have it (RFC 9651), such as
 * `"burst";q=100;w=60, "daily";q=5000`. `undefined` when anything in it is malformed: then the whole field is
 * to be ignored.
 */
export function readList(text: string): ListItem[] | undefined {
  const reader = new Reader(text);
  const list: ListItem[] = [];
  reader.take(SPACE);
  while (list.length < ITEMS_MAX) {
    const name = reader.bareItem();
    if (typeof name !== 'string') return undefined;
    const parameters = new Map<string, string | number | boolean>();
    while (reader.takeText(';')) {
      reader.take(/ */y);
      const key = reader.take(KEY);
      if (key === undefined) return undefined;
      const value = reader.takeText('=') ? reader.bareItem() : true;
      if (value === undefined) return undefined;
      parameters.set(key, value);
    }
    list.push({ name, parameters });
    reader.take(SPACE);
    if (reader.isAtEnd) return list;
    if (!reader.takeText(',')) return undefined;
    reader.take(SPACE);
  }
  return undefined;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  takeText(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  bareItem(): string | number | boolean | undefined {
    const string = this.take(STRING);
    if (string !== undefined) return string.slice(1, -1).replace(/\\(.)/g, '$1');
    const number = this.take(NUMBER);
    if (number !== undefined) return Number(number);
    const boolean = this.take(BOOLEAN);
    if (boolean !== undefined) return boolean === '?1';
    return this.take(TOKEN) ?? this.take(BYTES);
  }
}
