import type { Telling } from '../telling';
import type { RateLimitEvents } from '../types/rate-limit';
import type { LimiterBackend, PromptBackend } from './backend';
import type { LimiterSettings } from './config';
import type { Expectations } from './expectations';
import type { InForce } from './in-force';
import type { LimiterMetrics } from './metrics';
import type { Sessions } from './sessions';

/** What a limiter is made of; its admissions and its settlements work with the same parts. */
export interface LimiterParts {
  readonly settings: LimiterSettings;
  readonly backend: LimiterBackend;
  /** The backend, where it answers at once: no promise is made on the way then. */
  readonly prompt: PromptBackend | undefined;
  readonly telling: Telling<RateLimitEvents>;
  readonly metrics: LimiterMetrics;
  readonly sessions: Sessions;
  readonly expectations: Expectations;
  readonly inForce: InForce;
  /** In front of the ids of permits. */
  readonly idPrefix: string;
}
