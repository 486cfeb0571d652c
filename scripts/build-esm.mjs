// Writes dist/<entry>.mjs, thin wrappers over the CommonJS build: one addon and one identity of every
// class, however the package is loaded. The names are read from the built modules, so none is forgotten.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { entries, root } from './lib/entries.mjs';

const require = createRequire(import.meta.url);

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
