import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(BENCH, '.cache');
const TARBALL = 'wundr.io-orchestrator-daemon-1.0.39.tgz';
const PUBLISHED = '@wundr.io/orchestrator-daemon@1.0.39';
// So that every run measures the same file.
const TARBALL_SHA512 =
  'gdT3v6MHHQC6uZ27ZoluIx2QnKcechem4OklNHVCcsw3ETtIn/YfNJEUsImiaO/ZLSiUnB1Ypa6WxlbnxBNNMQ==';

/** Installs the peers where they are missing. Needs a package registry only then. */
export function installPeers() {
  for (const folder of [BENCH, join(BENCH, 'published')]) {
    if (!isInstalled(folder)) npm(['ci', '--no-audit', '--no-fund', '--loglevel', 'error'], folder);
  }
  unpackPublished();
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
function unpackPublished() {
  const target = join(BENCH, 'published', 'package');
  if (existsSync(join(target, 'dist', 'budget', 'token-tracker.js'))) return;
  mkdirSync(CACHE, { recursive: true });
  const tarball = join(CACHE, TARBALL);
  if (!existsSync(tarball))
    npm(['pack', PUBLISHED, '--loglevel', 'error', '--pack-destination', CACHE], BENCH);
  const sha512 = createHash('sha512').update(readFileSync(tarball)).digest('base64');
  if (sha512 !== TARBALL_SHA512)
    throw new Error(`${TARBALL} is not the tarball this benchmark was written for`);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  execFileSync('tar', [
    '-xzf',
    tarball,
    '-C',
    target,
    '--strip-components=1',
    'package/package.json',
    'package/dist/budget',
  ]);
}

function npm(args, cwd) {
  const windows = process.platform === 'win32';
  execFileSync(windows ? 'npm.cmd' : 'npm', args, {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: windows,
  });
}
