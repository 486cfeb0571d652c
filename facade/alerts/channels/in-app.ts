/** Notifications for the streams of users. */
import type { InApp } from '../channel-config';
import type { Feed } from '../stream/feed';
import type { InAppPayload } from '../types';
import type { Courier, Letter } from './courier';

/** It has arrived when it is kept: whoever does not read now reads it later. */
export function inAppCourier(to: InApp, letter: Letter, feed: Feed): Courier {
  return {
    retries: undefined,
    attempt: async () => ({ ok: true, metadata: { readers: feed.publish(payloadOf(to, letter)) } }),
  };
}

function payloadOf({ userIds, desktop, persistForMs }: InApp, { alert, at }: Letter): InAppPayload {
  const payload: InAppPayload = {
    id: alert.id,
    userIds: [...userIds],
    title: alert.title,
    message: alert.message,
    level: alert.level,
    actions: [
      { label: 'Acknowledge', action: 'acknowledge' },
      { label: 'View Details', action: 'view', url: `/alerts/${encodeURIComponent(alert.id)}` },
    ],
    desktop,
    data: { orchestratorId: alert.orchestratorId },
  };
  if (persistForMs !== undefined) payload.expiresAt = new Date(at.getTime() + persistForMs);
  return payload;
}
