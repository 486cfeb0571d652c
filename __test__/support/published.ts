import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

let folder: string | undefined;

/**
 * The folder of the published package that `./budget` stands in for, unpacked as it was published
 * (`scripts/published.mjs`): `dist/budget/*.js` and `*.d.ts` lie in it.
 */
export function publishedPackage(): string {
  folder ??= execFileSync(process.execPath, [join(__dirname, '..', '..', 'scripts', 'published.mjs')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
  return folder;
}

/** `dist/budget` of the published package: the compiled module itself. */
export function publishedBudgetFolder(): string {
  return join(publishedPackage(), 'dist', 'budget');
}
