import * as check from '../validate';
import type { SavedSession } from './sessions';
import type { WireAmounts, WireView } from './wire';

const SESSIONS_MAX = 10_000;
const COUNTERS_MAX = 4_096;
const PARTS_MAX = 100;
const TEXT_MAX_BYTES = 1024;

export interface SavedState {
  limiter: WireView;
  sessions: SavedSession[];
  learned: Array<[string, number]>;
}

/** What `saveState` gave, perhaps long ago and by way of a file: checked as anything from outside. */
export function readState(state: unknown, name: string): SavedState {
  const source = check.object(state, 'state');
  const version = check.own(source, 'version', 'state');
  if (version !== 1) throw check.invalid('state.version', '1', version);
  const savedName = check.own(source, 'name', 'state');
  if (savedName !== name) throw check.invalid('state.name', `the name of this limiter, '${name}'`, savedName);
  return {
    limiter: readView(check.own(source, 'limiter', 'state')),
    sessions: check
      .elements(check.own(source, 'sessions', 'state'), 'state.sessions', SESSIONS_MAX)
      .map((item, index) => readSession(item, `state.sessions[${index}]`)),
    learned: check
      .elements(check.own(source, 'learned', 'state'), 'state.learned', COUNTERS_MAX)
      .map((item, index) => readCounter(item, `state.learned[${index}]`)),
  };
}

function readView(value: unknown): WireView {
  const at = 'state.limiter';
  const source = check.object(value, at);
  const numberOf = (key: string) => check.countField(source, key, at);
  const windows = check.elements(check.own(source, 'windows', at), `${at}.windows`, 8);
  const quotas = check.elements(check.own(source, 'quotas', at), `${at}.quotas`, 4);
  if (quotas.length !== 4) throw check.invalid(`${at}.quotas`, '4 elements', quotas.length);
  const quota = (index: number) => {
    const path = `${at}.quotas[${index}]`;
    const entry = check.object(quotas[index], path);
    return {
      limit: check.countField(entry, 'limit', path),
      left: check.countField(entry, 'left', path),
      resetsAtMs: check.integer(
        check.own(entry, 'resetsAtMs', path),
        `${path}.resetsAtMs`,
        0,
        check.MAX_INSTANT_MS,
      ),
      seenAtMs: check.countField(entry, 'seenAtMs', path),
    };
  };
  return {
    nowMs: numberOf('nowMs'),
    // The limits in force are those of whoever takes the state up.
    terms: { rules: [], concurrency: null, pauseUs: 0 },
    isSet: false,
    windows: windows.map((item, index) => {
      const path = `${at}.windows[${index}]`;
      const entry = check.object(item, path);
      const parts = check.elements(check.own(entry, 'parts', path), `${path}.parts`, PARTS_MAX);
      return {
        windowMs: check.countField(entry, 'windowMs', path),
        used: readAmounts(check.own(entry, 'used', path), `${path}.used`),
        parts: parts.map((part, number) => {
          const partPath = `${path}.parts[${number}]`;
          const [position, counted] = check.elements(part, partPath, 2);
          return [check.count(position, `${partPath}[0]`), readAmounts(counted, `${partPath}[1]`)] as [
            number,
            WireAmounts,
          ];
        }),
      };
    }),
    quotas: [quota(0), quota(1), quota(2), quota(3)],
    underWay: { requests: 0, inputTokens: 0, outputTokens: 0 },
    waiting: 0,
    pausedUntilMs: numberOf('pausedUntilMs'),
    hits: numberOf('hits'),
    pausedBy: readPausedBy(check.own(source, 'pausedBy', at), `${at}.pausedBy`),
    nextAdmissionUs: numberOf('nextAdmissionUs'),
    agents: [],
  };
}

function readPausedBy(value: unknown, at: string): WireView['pausedBy'] {
  return value === null || value === undefined ? null : check.oneOf(value, at, ['rate', 'quota'] as const);
}

function readAmounts(value: unknown, at: string): WireAmounts {
  const source = check.object(value, at);
  return {
    requests: check.countField(source, 'requests', at),
    inputTokens: check.countField(source, 'inputTokens', at),
    outputTokens: check.countField(source, 'outputTokens', at),
  };
}

function readSession(value: unknown, at: string): SavedSession {
  const [id, entry] = check.elements(value, at, 2);
  const source = check.object(entry, `${at}[1]`);
  const numberOf = (key: string) => check.countField(source, key, `${at}[1]`);
  const instantOf = (key: string) =>
    check.integer(check.own(source, key, `${at}[1]`), `${at}[1].${key}`, 0, check.MAX_INSTANT_MS);
  return [
    check.text(id, `${at}[0]`, TEXT_MAX_BYTES, 'well-formed'),
    {
      requests: numberOf('requests'),
      inputTokens: numberOf('inputTokens'),
      outputTokens: numberOf('outputTokens'),
      errors: numberOf('errors'),
      startedAtMs: instantOf('startedAtMs'),
      lastActiveAtMs: instantOf('lastActiveAtMs'),
      coolsDownUntilMs: instantOf('coolsDownUntilMs'),
    },
  ];
}

function readCounter(value: unknown, at: string): [string, number] {
  const [name, count] = check.elements(value, at, 2);
  return [check.text(name, `${at}[0]`, TEXT_MAX_BYTES, 'well-formed'), check.count(count, `${at}[1]`)];
}
