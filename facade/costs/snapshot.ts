/** The prices that are shipped with the package, read when a price is first asked for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PriceSnapshot } from '../native';

const PATH = join(__dirname, '..', '..', 'data', 'prices.json');

let snapshot: PriceSnapshot | undefined;

/** Read once for all calculators of this thread: some 270 kB. */
export function shippedPrices(): PriceSnapshot {
  snapshot ??= new PriceSnapshot(readFileSync(PATH, 'utf8'));
  return snapshot;
}

/** `genai-prices 0.1.8 (2026-09-23)`: the version of the data, and when that was published. */
export function shippedVersion(): string {
  const shipped = shippedPrices();
  return `genai-prices ${shipped.version()} (${shipped.date()})`;
}
