/** How serious an alert is, and by which way it goes. Names and values are those of the published enums. */

/** In ascending order. */
export enum AlertLevel {
  INFO = 'info',
  WARNING = 'warning',
  CRITICAL = 'critical',
  EMERGENCY = 'emergency',
}

export enum AlertChannel {
  WEBHOOK = 'webhook',
  EMAIL = 'email',
  SLACK = 'slack',
  /** A stream of server-sent events. */
  IN_APP = 'in_app',
  SMS = 'sms',
}

export const LEVELS: readonly AlertLevel[] = [
  AlertLevel.INFO,
  AlertLevel.WARNING,
  AlertLevel.CRITICAL,
  AlertLevel.EMERGENCY,
];

export const CHANNELS: readonly AlertChannel[] = [
  AlertChannel.WEBHOOK,
  AlertChannel.EMAIL,
  AlertChannel.SLACK,
  AlertChannel.IN_APP,
  AlertChannel.SMS,
];

const COLORS: Readonly<Record<AlertLevel, string>> = {
  [AlertLevel.INFO]: '#0066cc',
  [AlertLevel.WARNING]: '#ff9900',
  [AlertLevel.CRITICAL]: '#ff6600',
  [AlertLevel.EMERGENCY]: '#cc0000',
};

/** As `#rrggbb`. */
export function colorOf(level: AlertLevel): string {
  return COLORS[level];
}

/** From 1 on. */
export function priorityOf(level: AlertLevel): number {
  return LEVELS.indexOf(level) + 1;
}

/** `undefined`: it is the highest. */
export function levelAbove(level: AlertLevel): AlertLevel | undefined {
  return LEVELS[LEVELS.indexOf(level) + 1];
}
