/** SMS, by a request to a provider, or by a function of the caller. */
import { toJson } from '../../json';
import { failure } from '../../timers/webhooks/failure';
import { type GuardedRequest, type GuardedRequests, userAgent } from '../../timers/webhooks/guarded';
import type { FunctionTarget, GatewayTarget, Sms, TwilioTarget } from '../sms-config';
import type { SMSPayload } from '../types';
import { smsText } from '../wording';
import { type Attempt, type Courier, type Letter, unlessAborted } from './courier';

export function smsCourier(
  { phoneNumbers, target }: Sms,
  letter: Letter,
  requests: GuardedRequests,
): Courier {
  const body = smsText(letter.alert);
  const payload: SMSPayload = { to: [...phoneNumbers], body };
  if (target.from !== undefined) payload.from = target.from;
  if (target.by === 'function') {
    return { retries: undefined, attempt: signal => byFunction(target, payload, signal) };
  }
  if (target.by === 'gateway' && target.template === undefined) {
    const request = gatewayRequest(target, toJson({ ...payload, to: payload.to }));
    return { retries: undefined, attempt: signal => requests.send(request, signal) };
  }
  const each = phoneNumbers.map(to =>
    target.by === 'twilio'
      ? twilioRequest(target, to, body)
      : gatewayRequest(target, templateBody(target, to, body)),
  );
  return { retries: undefined, attempt: sendingEach(each, requests) };
}

/** A number that has been served is not served again. */
function sendingEach(
  each: readonly GuardedRequest[],
  requests: GuardedRequests,
): (signal: AbortSignal) => Promise<Attempt> {
  const left = new Set(each);
  let isForGood = false;
  return async signal => {
    let failed: Extract<Attempt, { ok: false }> | undefined;
    let status: number | undefined;
    isForGood = true;
    for (const request of [...left]) {
      const result = await requests.send(request, signal);
      if (result.ok) {
        left.delete(request);
        status = result.status;
      } else {
        failed = result;
        isForGood &&= result.isPermanent || result.isGone;
      }
    }
    if (failed === undefined) return { ok: true, ...(status !== undefined && { status }) };
    const share = each.length === 1 ? '' : `${left.size} of ${each.length} numbers: `;
    return { ...failed, error: `${share}${failed.error}`, isPermanent: isForGood, isGone: false };
  };
}

/** https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource */
function twilioRequest(
  { url, authorization, from, messagingServiceSid }: TwilioTarget,
  to: string,
  text: string,
): GuardedRequest {
  const form = new URLSearchParams({ To: to });
  if (messagingServiceSid !== undefined) form.set('MessagingServiceSid', messagingServiceSid);
  else form.set('From', from ?? '');
  form.set('Body', text);
  const headers = {
    authorization,
    'content-type': 'application/x-www-form-urlencoded',
    'user-agent': userAgent(),
  };
  return { url, body: form.toString(), headers: () => headers };
}

function gatewayRequest({ url, method, headers, contentType }: GatewayTarget, body: string): GuardedRequest {
  const all = { 'content-type': contentType, 'user-agent': userAgent(), ...headers };
  return { url, method, body, headers: () => all };
}

function templateBody(
  { template = '', contentType, from = '' }: GatewayTarget,
  to: string,
  body: string,
): string {
  const values: Readonly<Record<string, string>> = { to, body, from };
  const safe = escaping(contentType);
  // A template of JSON is full of braces: only these names stand for something.
  return template.replace(/\{(to|body|from)\}/g, (_found, name: string) => safe(values[name] ?? ''));
}

function escaping(contentType: string): (text: string) => string {
  if (/\bjson\b/i.test(contentType)) return text => JSON.stringify(text).slice(1, -1);
  if (/urlencoded/i.test(contentType)) return encodeURIComponent;
  if (/\bxml\b/i.test(contentType)) {
    return text => text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);
  }
  return text => text;
}

/** Of what it throws, only its code is told: messages of clients may quote what is nobody's business. */
async function byFunction(
  { send }: FunctionTarget,
  payload: SMSPayload,
  signal: AbortSignal,
): Promise<Attempt> {
  try {
    await unlessAborted(
      Promise.resolve().then(() => send({ ...payload, to: [...payload.to] }, signal)),
      signal,
    );
    return { ok: true };
  } catch (error) {
    signal.throwIfAborted();
    const code = (error as { code?: unknown } | null | undefined)?.code;
    const shown = typeof code === 'string' && /^[\w.-]{1,50}$/.test(code) ? ` (${code})` : '';
    return failure(`the send function failed${shown}`);
  }
}
