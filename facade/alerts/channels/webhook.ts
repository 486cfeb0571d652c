/** Webhooks: JSON, signed as Standard Webhooks has it. */
import { type Plain, toJson } from '../../json';
import type { GuardedRequests } from '../../timers/webhooks/guarded';
import type { KeysFor } from '../../timers/webhooks/options';
import { signedHeaders } from '../../timers/webhooks/sender';
import { plainOf } from '../alert';
import type { Webhook } from '../channel-config';
import type { WebhookPayload } from '../types';
import type { Courier, Letter } from './courier';

/** {@link WebhookPayload}, with dates as text. */
function payloadOf({ alert, name, at }: Letter): { [key in keyof WebhookPayload]: Plain } {
  return {
    event: 'budget.alert',
    alert: plainOf(alert),
    orchestrator: { id: alert.orchestratorId, name },
    timestamp: at.toISOString(),
  };
}

export function webhookCourier(
  { url, method, headers, timeoutMs, retries, keys }: Webhook,
  letter: Letter,
  requests: GuardedRequests,
  keysFor: KeysFor,
): Courier {
  const body = toJson(payloadOf(letter));
  return {
    retries,
    attempt: signal =>
      requests.send(
        {
          ...{ url, method, body },
          headers: async target => ({
            ...signedHeaders(keys ?? (await keysFor(target)), letter.id, Date.now(), body),
            ...headers,
          }),
          headersFailure: 'the secret for this address could not be had',
          ...(timeoutMs !== undefined && { timeoutMs }),
        },
        signal,
      ),
  };
}
