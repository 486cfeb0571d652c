/** What the methods of timers are given, checked. */
import type { WireDue } from '../backend/coordination';
import { metadataJson } from '../json';
import { isTimeZone } from '../native';
import { fitsInBytes, hasLoneSurrogate } from '../text';
import { boolean, integer, invalid, object, oneOf, onlyNames, own } from '../validate';
import { type DocumentParts, jsonAt } from './document';
import { durationAt, instantAt } from './durations';
import type { Recurrence } from './recurrence';
import type { OnExpire, TimerActions, TimerChange, TimerFilter, TimerInput } from './types';

/** A timer to be made. */
export interface TimerSpec {
  id: string | undefined;
  name: string;
  owner: string;
  /** `undefined`: by its recurrence. */
  due: WireDue | undefined;
  recurrence: Recurrence | undefined;
  document: DocumentParts;
}

/** `undefined` leaves a field as it is. */
export interface ChangeSpec {
  name: string | undefined;
  owner: string | undefined;
  due: WireDue | undefined;
  /** `null`: it does not recur any more. */
  recurrence: Partial<Recurrence> | null | undefined;
  document: Partial<DocumentParts>;
}

export interface Defaults {
  owner: string;
  timeZone: string;
  /** Throws `INVALID_ARGUMENT` for an address that nothing will be sent to. */
  checkWebhook(url: URL, at: string): void;
}

export const NAME_MAX_BYTES = 256;
const MESSAGE_MAX_BYTES = 4096;
const WEBHOOK_MAX_BYTES = 2048;
const CRON_MAX_LENGTH = 256;
export const PAGE_MAX = 1000;
const CATCH_UPS = ['once', 'all', 'none'] as const;
const STATUSES = ['scheduled', 'fired', 'cancelled'] as const;

const TIMER_NAMES: ReadonlySet<string> = new Set<keyof TimerInput>([
  ...(['id', 'name', 'duration', 'fireAt', 'every', 'cron', 'timeZone', 'catchUp'] as const),
  ...(['owner', 'metadata', 'broadcast', 'events'] as const),
]);
const CHANGE_NAMES: ReadonlySet<string> = new Set<keyof TimerChange>([
  ...(['name', 'owner', 'duration', 'fireAt', 'every', 'cron', 'timeZone', 'catchUp'] as const),
  ...(['metadata', 'broadcast', 'events'] as const),
]);
const EVENT_NAMES: ReadonlySet<string> = new Set<keyof TimerActions>(['on_expire']);
const EXPIRE_NAMES: ReadonlySet<string> = new Set<keyof OnExpire>(['webhook', 'message', 'data']);
const FILTER_NAMES: ReadonlySet<string> = new Set<keyof TimerFilter>([
  ...(['status', 'name', 'owner', 'limit', 'cursor', 'signal'] as const),
]);

/** Reads an optional field. */
type Field = <T>(key: string, reader: (value: unknown, at: string) => T) => T | undefined;

function fieldsOf(source: object, at: string): Field {
  return (key, reader) => {
    const value = own(source, key, at);
    return value === undefined ? undefined : reader(value, `${at}.${key}`);
  };
}

export function readTimer(value: unknown, defaults: Defaults, at = 'timer'): TimerSpec {
  const source = object(value, at);
  onlyNames(source, at, TIMER_NAMES);
  const field = fieldsOf(source, at);
  const recurrence = readRecurrence(field, defaults, at);
  const due = readDue(field, at);
  if (due === undefined && recurrence === undefined) {
    throw invalid(`${at}.duration`, 'a duration, or one of fireAt, every and cron', undefined);
  }
  return {
    id: field('id', idAt),
    name: nameAt(own(source, 'name', at), `${at}.name`),
    owner: field('owner', ownerAt) ?? defaults.owner,
    due,
    recurrence,
    document: documentOf(field, defaults),
  };
}

export function readChange(value: unknown, defaults: Defaults, at = 'change'): ChangeSpec {
  const source = object(value, at);
  onlyNames(source, at, CHANGE_NAMES);
  const field = fieldsOf(source, at);
  const given = documentOf(field, defaults);
  // What is named replaces all of it: `events: {}` does nothing on expiry any more.
  const document: Partial<DocumentParts> = {};
  if (own(source, 'events', at) !== undefined) {
    Object.assign(document, { webhook: given.webhook, message: given.message, dataJson: given.dataJson });
  }
  if (given.metadataJson !== undefined) document.metadataJson = given.metadataJson;
  if (given.broadcast !== undefined) document.broadcast = given.broadcast;
  return {
    name: field('name', nameAt),
    owner: field('owner', ownerAt),
    due: readDue(field, at),
    recurrence: readRecurrenceChange(source, field, defaults, at),
    document,
  };
}

function readDue(field: Field, at: string): WireDue | undefined {
  const duration = field('duration', (value, path) => durationAt(value, path));
  const fireAt = field('fireAt', instantAt);
  if (duration !== undefined && fireAt !== undefined) {
    throw invalid(`${at}.fireAt`, 'no fireAt beside duration', fireAt);
  }
  if (duration !== undefined) return { is: 'in', with: duration };
  return fireAt === undefined ? undefined : { is: 'at', with: fireAt };
}

function readRecurrence(field: Field, defaults: Defaults, at: string): Recurrence | undefined {
  const every = field('every', (value, path) => durationAt(value, path, 1));
  const cron = field('cron', cronAt);
  const timeZone = field('timeZone', timeZoneAt);
  const catchUp = field('catchUp', (value, path) => oneOf(value, path, CATCH_UPS));
  if (every !== undefined && cron !== undefined) throw invalid(`${at}.cron`, 'no cron beside every', cron);
  if (timeZone !== undefined && cron === undefined) {
    throw invalid(`${at}.timeZone`, 'a timeZone beside cron only', timeZone);
  }
  if (cron !== undefined) {
    return { cron, timeZone: timeZone ?? defaults.timeZone, catchUp: catchUp ?? 'once' };
  }
  if (every !== undefined) return { every, catchUp: catchUp ?? 'once' };
  if (catchUp !== undefined) throw invalid(`${at}.catchUp`, 'a catchUp beside every or cron only', catchUp);
  return undefined;
}

function readRecurrenceChange(
  source: object,
  field: Field,
  defaults: Defaults,
  at: string,
): ChangeSpec['recurrence'] {
  const isEnded = own(source, 'every', at) === null || own(source, 'cron', at) === null;
  const changing = (key: string) => own(source, key, at) !== undefined && own(source, key, at) !== null;
  if (isEnded && !changing('every') && !changing('cron')) return null;
  if (changing('every') || changing('cron')) {
    const present: Field = (key, reader) =>
      changing(key) ? reader(own(source, key, at), `${at}.${key}`) : undefined;
    return readRecurrence(present, defaults, at);
  }
  const catchUp = field('catchUp', (value, path) => oneOf(value, path, CATCH_UPS));
  const timeZone = field('timeZone', timeZoneAt);
  if (catchUp === undefined && timeZone === undefined) return undefined;
  return {
    ...(catchUp === undefined ? {} : { catchUp }),
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}

function documentOf(field: Field, defaults: Defaults): DocumentParts {
  const metadata = field('metadata', metadataJson);
  const broadcast = field('broadcast', boolean);
  const events = field('events', (value, at) => readEvents(value, defaults, at));
  return {
    metadataJson: metadata,
    broadcast,
    webhook: events?.webhook,
    message: events?.message,
    dataJson: events?.dataJson,
  };
}

function readEvents(value: unknown, defaults: Defaults, at: string): Partial<DocumentParts> {
  const source = object(value, at);
  onlyNames(source, at, EVENT_NAMES);
  return fieldsOf(source, at)('on_expire', (given, path) => readOnExpire(given, defaults, path)) ?? {};
}

/** The three of them, `undefined` where nothing was given. */
export function readOnExpire(
  value: unknown,
  defaults: Defaults,
  at: string,
): Pick<DocumentParts, 'webhook' | 'message' | 'dataJson'> {
  const source = object(value, at);
  onlyNames(source, at, EXPIRE_NAMES);
  const field = fieldsOf(source, at);
  return {
    webhook: field('webhook', (given, path) => webhookAt(given, path, defaults)),
    message: field('message', messageAt),
    dataJson: field('data', jsonAt),
  };
}

function webhookAt(value: unknown, at: string, defaults: Defaults): string {
  const expected = `an address that begins with https:// or http://, without user, of at most ${WEBHOOK_MAX_BYTES} bytes`;
  if (typeof value !== 'string' || !URL.canParse(value)) throw invalid(at, expected, undefined);
  const url = new URL(value);
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  // Not quoted: addresses of webhooks hold secrets.
  if (!isWeb || url.username !== '' || url.password !== '') throw invalid(at, expected, undefined);
  url.hash = '';
  if (!fitsInBytes(url.href, WEBHOOK_MAX_BYTES)) throw invalid(at, expected, undefined);
  defaults.checkWebhook(url, at);
  return url.href;
}

function messageAt(value: unknown, at: string): string {
  if (typeof value !== 'string' || !fitsInBytes(value, MESSAGE_MAX_BYTES)) {
    throw invalid(at, `a string of at most ${MESSAGE_MAX_BYTES} bytes`, value);
  }
  return value;
}

export function idAt(value: unknown, at: string): string {
  return nameAt(value, at);
}

export function nameAt(value: unknown, at: string): string {
  const isName =
    typeof value === 'string' &&
    value !== '' &&
    fitsInBytes(value, NAME_MAX_BYTES) &&
    !hasLoneSurrogate(value);
  if (isName) return value;
  throw invalid(at, `1 to ${NAME_MAX_BYTES} bytes of well-formed Unicode`, value);
}

/** Empty: nobody's. */
export function ownerAt(value: unknown, at: string): string {
  return value === '' ? '' : nameAt(value, at);
}

function cronAt(value: unknown, at: string): string {
  if (typeof value === 'string' && value.length <= CRON_MAX_LENGTH) return value;
  throw invalid(at, `a cron pattern of at most ${CRON_MAX_LENGTH} characters`, value);
}

export function timeZoneAt(value: unknown, at: string): string {
  if (typeof value === 'string' && isTimeZone(value)) return value;
  throw invalid(at, `the IANA name of a time zone, such as 'Europe/Berlin'`, value);
}

export interface FilterSpec {
  status: TimerFilter['status'];
  name: string | undefined;
  owner: string | undefined;
  limit: number;
  cursor: string | undefined;
}

export function readFilter(value: unknown, at = 'filter'): FilterSpec {
  const source = object(value, at);
  onlyNames(source, at, FILTER_NAMES);
  const field = fieldsOf(source, at);
  return {
    status: field('status', (given, path) => oneOf(given, path, STATUSES)),
    name: field('name', nameAt),
    owner: field('owner', nameAt),
    limit: field('limit', (given, path) => integer(given, path, 1, PAGE_MAX)) ?? 100,
    cursor: field('cursor', (given, path) => {
      if (typeof given === 'string') return given;
      throw invalid(path, 'the cursor of another page', given);
    }),
  };
}
