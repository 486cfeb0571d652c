import { spawnSync } from 'node:child_process';
import puppeteer, { type Browser } from 'puppeteer-core';
import { endWithUs } from './reaper';
import { temporaryFolder } from './system';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** The browser of the machine. Throws what to install when there is none. */
export function findChromium(): string {
  const named = process.env.CHROMIUM_PATH;
  if (named !== undefined && named !== '') return named;
  for (const program of PROGRAMS) {
    const { stdout } = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' });
    if (stdout.trim() !== '') return stdout.trim();
  }
  throw new Error(
    'chromium was not found. Install it (Debian: apt-get install chromium); as root on Debian, ./scripts/test does.',
  );
}

/** Headless, with a profile of its own, and ended with us. */
export async function startChromium(): Promise<Browser> {
  const profile = temporaryFolder('chromium');
  const browser = await puppeteer.launch({
    executablePath: findChromium(),
    headless: true,
    userDataDir: profile.path,
    // Root may not use the sandbox; it visits our own page only. The rest calls home otherwise.
    args: [
      ...['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
  const child = browser.process();
  if (child !== null) endWithUs(child);
  browser.once('disconnected', () => void profile.remove());
  return browser;
}
