import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackPublished } from '../../scripts/published.mjs';

const BENCH = fileURLToPath(new URL('..', import.meta.url));

/** Installs the peers where they are missing. Needs a package registry only then. */
export function installPeers() {
  for (const folder of [BENCH, join(BENCH, 'published')]) {
    if (!isInstalled(folder)) npm(['ci', '--no-audit', '--no-fund', '--loglevel', 'error'], folder);
  }
  unpackTracker();
}

/** Whether every peer is there: those of an earlier version of the benchmark may lack some. */
function isInstalled(folder) {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.keys(dependencies).every(name => existsSync(join(folder, 'node_modules', name)));
}

/**
 * Of the published package only the tracker's own file is unpacked: installing the package would pull
 * in what its daemon needs. It lies where its `require` finds redis 4, eventemitter3 5 and zod 3.
 */
function unpackTracker() {
  const target = join(BENCH, 'published', 'package');
  if (existsSync(join(target, 'dist', 'budget', 'token-tracker.js'))) return;
  rmSync(target, { recursive: true, force: true });
  unpackPublished(dirname(target), ['package/package.json', 'package/dist/budget']);
}

function npm(args, cwd) {
  const windows = process.platform === 'win32';
  execFileSync(windows ? 'npm.cmd' : 'npm', args, {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: windows,
  });
}
