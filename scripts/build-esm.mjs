// Writes dist/<entry>.mjs, thin wrappers over the CommonJS build: one addon and one identity of every
// class, however the package is loaded. The names are read from the built modules, so none is forgotten.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { entries, root } from './lib/entries.mjs';

const require = createRequire(import.meta.url);

// The package's main entry has the names of all others. Whoever only counts budgets loads nothing else: the rest is
// loaded when it is first named.
const all = entries.map(({ name }) => name).filter(name => name !== 'index' && name !== 'budget');
all.unshift('budget');
const named = new Map();
for (const entry of all) {
  for (const name of Object.keys(require(join(root, 'dist', `${entry}.js`)))) {
    if (!named.has(name)) named.set(name, entry);
  }
}
const lazily = [...named]
  .filter(([name]) => name !== '__esModule')
  .map(([name, entry]) => `  ${name}: { enumerable: true, get: () => require('./${entry}.js').${name} },`);
writeFileSync(
  join(root, 'dist/index.js'),
  `'use strict';\nrequire('./budget.js');\nObject.defineProperties(exports, {\n  __esModule: { value: true },\n${lazily.join('\n')}\n});\n`,
);

for (const { name } of entries) {
  const names = Object.keys(require(join(root, 'dist', `${name}.js`))).sort();
  if (names.length === 0) {
    throw new Error(`dist/${name}.js exports nothing`);
  }
  const depth = name.split('/').length - 1;
  const cjs = `./${name.split('/').at(depth)}.js`;
  const text = `import cjs from '${cjs}';\nexport const {\n${names.map(n => `  ${n},\n`).join('')}} = cjs;\n`;
  writeFileSync(join(root, 'dist', `${name}.mjs`), text);
}
