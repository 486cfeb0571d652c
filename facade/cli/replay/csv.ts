/**
 * The fields of one line of CSV (RFC 4180), white space around them removed. `null` when a quote is not
 * closed or something follows a closing quote.
 *
 * @example
 * ```ts
 * splitCsv('a, "b ""c"", d"') // ['a', 'b "c", d']
 * ```
 */
export function splitCsv(line: string): string[] | null {
  if (!line.includes('"')) {
    return line.split(',').map(field => field.trim());
  }
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    const match = /^\s*"((?:[^"]|"")*)"\s*(,|$)/.exec(rest) ?? /^([^",]*)(,|$)/.exec(rest);
    if (match === null) {
      return null;
    }
    const [all, field = '', separator] = match;
    fields.push(all.trimStart().startsWith('"') ? field.replaceAll('""', '"').trim() : field.trim());
    if (separator === '') {
      return fields;
    }
    rest = rest.slice(all.length);
  }
}
