// Unpacks the published package that `./budget` stands in for, as it is, once per checkout, and prints
// its folder. Tests compare behaviour and declarations with it. It is unpacked and not installed: one
// of the packages it depends on is in no registry.
//
//   node scripts/published.mjs
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NAME = '@wundr.io/orchestrator-daemon';
const VERSION = '1.0.39';
// So that every run compares with the same files.
const TARBALL_SHA512 =
  'gdT3v6MHHQC6uZ27ZoluIx2QnKcechem4OklNHVCcsw3ETtIn/YfNJEUsImiaO/ZLSiUnB1Ypa6WxlbnxBNNMQ==';
const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

/**
 * The folder of the unpacked package, `…/node_modules/@wundr.io/orchestrator-daemon`: below this
 * repository's node_modules, so that what it requires is found there. Needs a package registry the
 * first time only.
 */
export function publishedPackage() {
  const folder = join(
    REPOSITORY,
    'node_modules/.cache/token-budget',
    `published-${VERSION}`,
    'node_modules',
    NAME,
  );
  if (existsSync(join(folder, 'package.json'))) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const made = mkdtempSync(join(dirname(folder), '.unpacking-'));
  try {
    unpackPublished(made);
    // Whoever comes second finds the folder there, whole: a rename onto it fails, and does not matter.
    if (!existsSync(folder)) renameSync(join(made, 'package'), folder);
  } catch (error) {
    if (!existsSync(join(folder, 'package.json'))) throw error;
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return folder;
}

/** Fetches the tarball, checks that it is the one known here, and unpacks it as `folder`/package. */
export function unpackPublished(folder, members = []) {
  const windows = process.platform === 'win32';
  execFileSync(
    windows ? 'npm.cmd' : 'npm',
    ['pack', `${NAME}@${VERSION}`, '--loglevel', 'error', '--pack-destination', folder],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], shell: windows },
  );
  const tarball = join(folder, `wundr.io-orchestrator-daemon-${VERSION}.tgz`);
  const sha512 = createHash('sha512').update(readFileSync(tarball)).digest('base64');
  if (sha512 !== TARBALL_SHA512)
    throw new Error(`${NAME}@${VERSION} is not the tarball that this repository knows`);
  execFileSync('tar', ['-xzf', tarball, '-C', folder, ...members]);
  rmSync(tarball);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.stdout.write(`${publishedPackage()}\n`);
