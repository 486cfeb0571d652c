import { asConfig } from '../config/store';
import { TokenBudgetError } from '../errors';
import { TokenBudgetTracker } from '../tracker';
import * as check from '../validate';
import type { DashboardAlerts, DashboardListenOptions, DashboardReporter } from './types';

export interface DashboardSettings {
  tracker: TokenBudgetTracker;
  reporter: DashboardReporter | null;
  alerts: DashboardAlerts | null;
  /** `null`: those the tracker knows. */
  orchestrators: (() => readonly string[] | Promise<readonly string[]>) | null;
  token: string | null;
  allowedHosts: readonly string[];
  refreshMs: number;
  labels: Readonly<Record<string, string>>;
}

const NAMES: ReadonlySet<string> = new Set([
  ...(['tracker', 'reporter', 'alerts', 'orchestrators', 'token', 'allowedHosts', 'refreshMs'] as const),
  'labels',
]);
const LISTEN_NAMES: ReadonlySet<string> = new Set(['port', 'host']);
const IDS_MAX = 10_000;
const HOSTS_MAX = 100;
const HOST_MAX_BYTES = 256;
const TOKEN_MIN = 16;
const TOKEN_MAX = 1024;
const REFRESH_MIN_MS = 100;
const REFRESH_MAX_MS = 60_000;

/** Throws `INVALID_CONFIG`, naming the field. */
export function readDashboardOptions(options: unknown): DashboardSettings {
  return asConfig(() => {
    const source = check.object(options, 'options');
    check.onlyNames(source, '', NAMES);
    const field = (key: string) => check.own(source, key, '');
    const tracker = field('tracker');
    if (!(tracker instanceof TokenBudgetTracker)) {
      throw check.invalid('tracker', 'a TokenBudgetTracker', tracker);
    }
    const refreshMs = field('refreshMs');
    return {
      tracker,
      reporter: withMethod<DashboardReporter>(field('reporter'), 'reporter', 'getReport'),
      alerts: withMethod<DashboardAlerts>(field('alerts'), 'alerts', 'getAlertHistory'),
      orchestrators: readOrchestrators(field('orchestrators')),
      token: readToken(field('token')),
      allowedHosts: readHosts(field('allowedHosts')),
      refreshMs:
        refreshMs === undefined
          ? 1000
          : check.integer(refreshMs, 'refreshMs', REFRESH_MIN_MS, REFRESH_MAX_MS),
      labels: (field('labels') as Record<string, string> | undefined) ?? {},
    };
  });
}

/** Rejected by `listen` as `INVALID_ARGUMENT`. */
export function readListen(
  options: DashboardListenOptions | undefined,
  settings: DashboardSettings,
): { port: number; host: string } {
  const source = options === undefined ? {} : check.object(options, 'options');
  check.onlyNames(source, 'options', LISTEN_NAMES);
  const port = check.own(source, 'port', 'options');
  const given = check.own(source, 'host', 'options');
  const host =
    given === undefined ? '127.0.0.1' : check.text(given, 'options.host', HOST_MAX_BYTES, 'well-formed');
  if (settings.token === null && !isLoopback(host)) {
    throw check.invalid('options.host', 'a loopback address, unless the dashboard has a token', host);
  }
  return { port: port === undefined ? 0 : check.integer(port, 'options.port', 0, 65_535), host };
}

/** `localhost`, `127.0.0.0/8` and `::1`, as they are written in an address or a `Host` header. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}

function withMethod<T>(value: unknown, at: string, method: string): T | null {
  if (value === undefined) return null;
  const found =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[method] : undefined;
  if (typeof found !== 'function') throw check.invalid(at, `an object with ${method}()`, value);
  return value as T;
}

function readOrchestrators(value: unknown): DashboardSettings['orchestrators'] {
  if (value === undefined) return null;
  if (typeof value === 'function') return value as () => readonly string[];
  const ids = check
    .elements(value, 'orchestrators', IDS_MAX)
    .map((id, index) => check.orchestrator(id, `orchestrators[${index}]`));
  return () => ids;
}

/** Its value never gets into a message. */
function readToken(value: unknown): string | null {
  if (value === undefined) return null;
  const expected = `${TOKEN_MIN} to ${TOKEN_MAX} printable ASCII characters without spaces`;
  const isLong = typeof value === 'string' && value.length >= TOKEN_MIN && value.length <= TOKEN_MAX;
  if (isLong && /^[\x21-\x7e]+$/.test(value)) return value;
  let got = isLong ? 'others' : `a ${typeof value}`;
  if (typeof value === 'string' && !isLong) got = `${value.length} characters`;
  throw new TokenBudgetError('INVALID_ARGUMENT', `token: expected ${expected}, got ${got}`, {
    field: 'token',
  });
}

function readHosts(value: unknown): readonly string[] {
  if (value === undefined) return [];
  return check
    .elements(value, 'allowedHosts', HOSTS_MAX)
    .map((host, index) =>
      check.text(host, `allowedHosts[${index}]`, HOST_MAX_BYTES, 'well-formed').toLowerCase(),
    );
}
