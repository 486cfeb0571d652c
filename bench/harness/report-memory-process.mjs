import { readFileSync } from 'node:fs';
import { REPORTERS } from './reporters.mjs';

// One report in a process of its own: how far the greatest resident size rises above that of the beginning.
process.once('message', async ({ name, folder, count, fills, time }) => {
  const beforeBytes = process.memoryUsage.rss();
  const reporter = await REPORTERS[name](folder);
  if (fills) await reporter.fill(count, time);
  await reporter.report(time);
  const growthBytes = Math.max(0, peakBytes() - beforeBytes);
  await reporter.close();
  process.send(growthBytes, () => process.disconnect());
});

/** Of this program alone: on Linux `maxRSS` begins with what the process that forked it took. */
function peakBytes() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
