import type { OverrideView } from '../serve/snapshot';

/** `22361870` as `22,361,870`, whatever the locale. */
export function formatCount(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `0.50 USD`: the amount as it is, for it is exact. */
export function formatMoney({ amount, currency }: { amount: string; currency: string }): string {
  return `${amount} ${currency}`;
}

/** What an override adds: `+2,000` tokens, or `+0.50 USD`. */
export function formatAddition(override: Pick<OverrideView, 'additionalTokens' | 'additionalCost'>): string {
  const { additionalTokens, additionalCost } = override;
  return `+${additionalCost === null ? formatCount(additionalTokens) : formatMoney(additionalCost)}`;
}

/** `2023-11-16 18:15:46` in a time zone. */
export function makeTimeFormat(timeZone: string): (atMs: number) => string {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return atMs => {
    const part: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(atMs)) {
      part[type] = value;
    }
    return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
  };
}

/** Columns padded to equal width, two spaces apart; `align` is `l` or `r` for each column. */
export function alignColumns(rows: readonly (readonly string[])[], align: string): string[] {
  const widths = [...align].map((_, column) => Math.max(0, ...rows.map(row => row[column]?.length ?? 0)));
  return rows.map(row =>
    row
      .map((cell, column) => {
        const width = widths[column] as number;
        return align[column] === 'r' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
