/** Reads what sends SMS: Twilio, a gateway, or a function of the caller. */
import * as check from '../validate';
import {
  ADDRESSES_MAX,
  type CheckUrl,
  type HttpTarget,
  optionalOf,
  readLine,
  readTarget,
  readUrl,
  refused,
  TEMPLATE_MAX_BYTES,
} from './fields';
import type { SendSms, SMSConfig, TwilioConfig } from './types';

export interface TwilioTarget {
  by: 'twilio';
  /** Of the Messages resource. */
  url: string;
  /** `Basic ...` */
  authorization: string;
  from: string | undefined;
  messagingServiceSid: string | undefined;
}

export interface GatewayTarget extends HttpTarget {
  by: 'gateway';
  template: string | undefined;
  contentType: string;
  from: string | undefined;
}

export interface FunctionTarget {
  by: 'function';
  send: SendSms;
  from: string | undefined;
}

export interface Sms {
  phoneNumbers: readonly string[];
  target: TwilioTarget | GatewayTarget | FunctionTarget;
}

const SMS_NAMES: ReadonlySet<string> = new Set<keyof SMSConfig>([
  ...(['phoneNumbers', 'provider', 'providerConfig'] as const),
]);
const PROVIDERS = ['twilio', 'sns', 'custom'] as const;
/** Also `whatsapp:+41...`, as Twilio has it. */
const PHONE_NUMBER = /^(?:[a-z]+:)?\+?[0-9][0-9 ()./-]{1,30}$/;
const SECRET_MAX_BYTES = 4096;

export function readSms(source: object, at: string, checkUrl: CheckUrl): Sms {
  check.onlyNames(source, at, SMS_NAMES);
  const field = (key: keyof SMSConfig) => check.own(source, key, at);
  const given = check.elements(field('phoneNumbers'), `${at}.phoneNumbers`, ADDRESSES_MAX);
  if (given.length === 0) throw check.invalid(`${at}.phoneNumbers`, 'at least one number', []);
  const provider = check.oneOf(field('provider'), `${at}.provider`, PROVIDERS);
  const config = check.object(field('providerConfig'), `${at}.providerConfig`);
  return {
    phoneNumbers: given.map((each, index) => readPhoneNumber(each, `${at}.phoneNumbers[${index}]`)),
    target: readSmsTarget(provider, config, `${at}.providerConfig`, checkUrl),
  };
}

function readPhoneNumber(value: unknown, at: string): string {
  if (typeof value === 'string' && PHONE_NUMBER.test(value)) return value;
  throw check.invalid(at, `a number such as '+41791234567'`, value);
}

function readSmsTarget(
  provider: (typeof PROVIDERS)[number],
  config: object,
  at: string,
  checkUrl: CheckUrl,
): Sms['target'] {
  const optional = optionalOf(config, at);
  const from = optional('from', readLine);
  const send = check.own(config, 'send', at);
  if (send !== undefined) {
    if (typeof send !== 'function') throw check.invalid(`${at}.send`, 'a function', send);
    return { by: 'function', send: send as SendSms, from };
  }
  if (provider === 'twilio') return readTwilio(config, at, checkUrl);
  if (check.own(config, 'url', at) === undefined) {
    throw check.invalid(`${at}.url`, 'the address of a gateway, or a function as send', undefined);
  }
  return {
    by: 'gateway',
    ...readTarget(config, at, checkUrl),
    template: optional('template', (value, path) =>
      check.text(value, path, TEMPLATE_MAX_BYTES, 'well-formed'),
    ),
    contentType: optional('contentType', readLine) ?? 'application/json',
    from,
  };
}

function readTwilio(config: object, at: string, checkUrl: CheckUrl): TwilioTarget {
  const optional = optionalOf(config, at);
  const secret = (key: keyof TwilioConfig) => {
    const text = check.own(config, key, at);
    const fits = typeof text === 'string' && text !== '' && Buffer.byteLength(text) <= SECRET_MAX_BYTES;
    if (!fits) throw refused(`${at}.${key}`, `text of 1 to ${SECRET_MAX_BYTES} bytes`);
    return text;
  };
  const accountSid = secret('accountSid');
  const authToken = secret('authToken');
  const from = optional('from', readLine);
  const messagingServiceSid = optional('messagingServiceSid', readLine);
  if (from === undefined && messagingServiceSid === undefined) {
    throw check.invalid(`${at}.from`, 'a sender, or a messagingServiceSid', undefined);
  }
  const base = optional('baseUrl', (value, path) => readUrl(value, path, checkUrl));
  const root = (base ?? 'https://api.twilio.com').replace(/\/+$/, '');
  return {
    by: 'twilio',
    url: `${root}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`,
    authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`,
    from,
    messagingServiceSid,
  };
}
