// Removes the named folders of the project: `node scripts/clean.mjs dist`.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/entries.mjs';

for (const folder of process.argv.slice(2)) {
  rmSync(join(root, folder), { recursive: true, force: true });
}
