/** What a timer carries, as the store keeps it: JSON that no store reads. */
import { TokenBudgetError } from '../errors';
import { fitsInBytes, hasLoneSurrogate, shortened, withoutLoneSurrogates } from '../text';
import { invalid } from '../validate';
import type { OnExpire, TimerActions } from './types';

const DATA_MAX_BYTES = 65_536;

export interface TimerDocument {
  metadata: Record<string, unknown>;
  broadcast: boolean;
  webhook: string | undefined;
  message: string | undefined;
  data: unknown;
}

/** The same with what the caller gave as JSON already. */
export interface DocumentParts {
  metadataJson: string | undefined;
  broadcast: boolean | undefined;
  webhook: string | undefined;
  message: string | undefined;
  dataJson: string | undefined;
}

export function documentJson({ metadataJson, broadcast, webhook, message, dataJson }: DocumentParts): string {
  let members = '';
  if (metadataJson !== undefined) members += `,"metadata":${metadataJson}`;
  if (broadcast === true) members += ',"broadcast":true';
  if (webhook !== undefined) members += `,"webhook":${JSON.stringify(webhook)}`;
  if (message !== undefined) members += `,"message":${JSON.stringify(message)}`;
  if (dataJson !== undefined) members += `,"data":${dataJson}`;
  return withoutLoneSurrogates(`{${members.slice(1)}}`);
}

/** What {@link readDocument} would read of {@link documentJson}, without the way there and back. */
export function documentOfParts(parts: DocumentParts): TimerDocument {
  const { metadataJson, broadcast, webhook, message, dataJson } = parts;
  if (message !== undefined && hasLoneSurrogate(message)) return readDocument(documentJson(parts));
  return {
    metadata: metadataJson === undefined ? {} : JSON.parse(metadataJson),
    broadcast: broadcast === true,
    webhook,
    message,
    data: dataJson === undefined ? undefined : JSON.parse(dataJson),
  };
}

/** What was kept. Something else than this module wrote says nothing. */
export function readDocument(json: string): TimerDocument {
  const { metadata, broadcast, webhook, message, data } = members(json);
  return {
    metadata: isRecord(metadata) ? metadata : {},
    broadcast: broadcast === true,
    webhook: typeof webhook === 'string' ? webhook : undefined,
    message: typeof message === 'string' ? message : undefined,
    data,
  };
}

/** As the parts it was made of, to change some of them. */
export function partsOf({ metadata, broadcast, webhook, message, data }: TimerDocument): DocumentParts {
  return {
    metadataJson: Object.keys(metadata).length > 0 ? JSON.stringify(metadata) : undefined,
    broadcast,
    webhook,
    message,
    dataJson: data === undefined ? undefined : JSON.stringify(data),
  };
}

export function actionsOf({ webhook, message, data }: TimerDocument): TimerActions {
  if (webhook === undefined && message === undefined && data === undefined) return {};
  const onExpire: OnExpire = {};
  if (webhook !== undefined) onExpire.webhook = webhook;
  if (message !== undefined) onExpire.message = message;
  if (data !== undefined) onExpire.data = data;
  return { on_expire: onExpire };
}

/** Anything of a caller that JSON can hold, as JSON; `toJSON` is honoured. */
export function jsonAt(value: unknown, at: string): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    const reason = cause instanceof Error ? shortened(cause.message.split('\n', 1)[0] ?? '') : 'it threw';
    const message = `${at}: expected something that JSON can hold: ${reason}`;
    throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: at, cause });
  }
  if (json === undefined) throw invalid(at, 'something that JSON can hold', value);
  if (!fitsInBytes(json, DATA_MAX_BYTES)) {
    const bytes = Buffer.byteLength(json, 'utf8');
    const message = `${at}: expected at most ${DATA_MAX_BYTES} bytes of JSON, got ${bytes}`;
    throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: at });
  }
  return withoutLoneSurrogates(json);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object as JSON; `undefined` for anything else. */
export function parsed(json: string): Record<string, unknown> | undefined {
  try {
    const found: unknown = JSON.parse(json);
    return isRecord(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** What it has of its own, nothing inherited; nothing of anything else than an object. */
export function members(json: string): Record<string, unknown> {
  return Object.assign(Object.create(null) as object, parsed(json));
}
