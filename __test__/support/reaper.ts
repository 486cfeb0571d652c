import { type ChildProcess, spawn } from 'node:child_process';

/**
 * A shell that outlives this process for a moment: when our end of its standard input closes, in
 * whatever way we end (SIGKILL too), it kills every process still listed and removes every folder.
 */
const REAPER = `
pids='' dirs=''
while read -r operation value; do
  case "$operation" in
    process) pids="$pids $value" ;;
    ended) kept=''; for pid in $pids; do [ "$pid" = "$value" ] || kept="$kept $pid"; done; pids="$kept" ;;
    folder) dirs="$dirs $value" ;;
  esac
done
for pid in $pids; do kill -CONT "$pid"; kill -KILL "$pid"; done 2>/dev/null
[ -z "$dirs" ] || rm -rf $dirs
`;

let reaper: ChildProcess | undefined;

function tell(line: string): void {
  if (!reaper) {
    // In a group of its own: Ctrl-C must not end it before it has done its work.
    reaper = spawn('sh', ['-c', REAPER], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    reaper.unref();
    (reaper.stdin as unknown as { unref(): void }).unref();
  }
  reaper.stdin?.write(`${line}\n`);
}

/** `child` ends when this process ends, at the latest. */
export function endWithUs(child: ChildProcess): void {
  if (child.pid === undefined) {
    return;
  }
  tell(`process ${child.pid}`);
  child.once('exit', () => tell(`ended ${child.pid}`));
}

/** `folder` (without white space in its name) is removed when this process ends, at the latest. */
export function removeWithUs(folder: string): void {
  tell(`folder ${folder}`);
}
