import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * The entries of the package that have both an ES module and a CommonJS side, as `package.json`
 * names them: `{ subpath: './budget', name: 'budget', source: 'facade/budget.ts' }`; `.` is `index`.
 */
export const entries = Object.entries(manifest.exports)
  .filter(([, conditions]) => conditions.import?.default?.endsWith('.mjs'))
  .map(([subpath]) => {
    const name = subpath === '.' ? 'index' : subpath.slice('./'.length);
    return { subpath, name, source: `facade/${name}.ts` };
  });

/**
 * Those that other programs load by name, Node before a program and Jest: CommonJS alone, whichever way they are loaded.
 * Their names are none of the package's main entry.
 */
export const preloads = Object.entries(manifest.exports)
  .filter(([, conditions]) => conditions.default?.endsWith('.js'))
  .map(([subpath]) => subpath.slice('./'.length))
  .map(name => ({ name, source: `facade/${name}.ts` }));
