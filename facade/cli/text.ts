import { formatCount } from './format';

const SECOND_MS = 1000;
const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** `4d 14h`, `32m 5s`: the two largest units. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.round(ms / SECOND_MS));
  const parts: string[] = [];
  for (const [unit, seconds] of UNITS) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0 || parts.length > 0 || unit === 's') parts.push(count === 0 ? '' : `${count}${unit}`);
    if (parts.length === 2) break;
  }
  return parts.filter(part => part !== '').join(' ') || '0s';
}

/** `87.8%`; of what is above it, whole percents. */
export function formatPercent(percent: number): string {
  return percent >= 1000 ? `${formatCount(Math.round(percent))}%` : `${percent.toFixed(1)}%`;
}

/** `76.3k`, `1.2M`: short, for one line. */
export function formatShort(tokens: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (tokens >= size) return `${Number((tokens / size).toFixed(1))}${unit}`;
  }
  return String(tokens);
}

/** Control characters would move the cursor or colour what follows: names come from elsewhere. */
export function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    found => `\\u${(found.codePointAt(0) as number).toString(16).padStart(4, '0')}`,
  );
}

export function shortenTo(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

const COLOURS = { red: 31, yellow: 33, green: 32, bold: 1, dim: 2, inverse: 7 } as const;

export type Paint = (text: string, colour: keyof typeof COLOURS) => string;

/** Colours for a terminal that wants them (https://no-color.org), nothing for anybody else. */
export function paintFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Paint {
  if (stream.isTTY !== true || env.NO_COLOR || env.TERM === 'dumb') return text => text;
  return (text, colour) => `\u001B[${COLOURS[colour]}m${text}\u001B[0m`;
}

/** How much attention a share of a limit deserves. */
export function colourOf(percentUsed: number): 'red' | 'yellow' | 'green' {
  return percentUsed >= 90 ? 'red' : percentUsed >= 75 ? 'yellow' : 'green';
}
