import type { Announcer } from '../events';
import { pauseOf } from '../queries';
import type { InboxRecord } from './inbox';
import { Kind } from './protocol';

/** A record that belongs to no call, as the event it stands for. */
export function announceRecord(announcer: Announcer, record: InboxRecord): void {
  switch (record.kind) {
    case Kind.threshold:
      announcer.threshold(
        record.number(0),
        record.number(1),
        record.number(2),
        record.number(3),
        record.number(4),
        record.number(5),
        record.string(6),
      );
      break;
    case Kind.expired: {
      const id = record.string(5);
      announcer.expired(
        record.number(0),
        record.number(1),
        record.number(2),
        record.number(3),
        record.number(4),
        id,
        record.string(6),
      );
      break;
    }
    case Kind.pause: {
      const json = record.string(0);
      const orchestratorId = record.string(1);
      if (json === '') announcer.emit('orchestrator:resumed', { orchestratorId });
      else announcer.emit('orchestrator:paused', pauseOf(JSON.parse(json), orchestratorId));
      break;
    }
    default:
  }
}
