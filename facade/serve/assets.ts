import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';
const MODULES = [
  ...(['page', 'state', 'text', 'elements', 'budgets', 'reservations', 'charts', 'table', 'live'] as const),
  ...(['bars', 'reports'] as const),
] as const;

/** Files of the page, by path. They lie beside this module in the built package. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  ...Object.fromEntries(MODULES.map(name => [`/assets/${name}.mjs`, [`${name}.mjs`, SCRIPT] as const])),
  '/assets/page.css': ['page.css', STYLE],
  '/assets/icon.svg': ['icon.svg', 'image/svg+xml'],
  '/assets/uplot.js': ['uPlot.iife.min.js', SCRIPT],
  '/assets/uplot.css': ['uPlot.min.css', STYLE],
  '/assets/uplot-license.txt': ['uPlot-LICENSE.txt', 'text/plain; charset=utf-8'],
};

export interface Asset {
  body: Buffer;
  type: string;
}

const loaded = new Map<string, Asset>();

/** `undefined`: there is no such file. Each is read once. */
export function assetAt(path: string): Asset | undefined {
  if (!Object.hasOwn(FILES, path)) return undefined;
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const [file, type] = FILES[path] as readonly [string, string];
  const asset = { body: readFileSync(join(__dirname, 'page', file)), type };
  loaded.set(path, asset);
  return asset;
}
