/** Systems of alerts that may send to this host, and what every test of them needs. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  AlertChannel,
  type AlertConfig,
  AlertLevel,
  type AlertSystemOptions,
  type AlertUsage,
  BudgetAlertSystem,
  type ChannelConfig,
} from '@wundr.io/token-budget/alerts';
import { publishedBudgetFolder } from '../support/published';
import { endAll, recorder } from '../timers/webhook-receivers';

export { recorder };

const open: BudgetAlertSystem[] = [];

/** Closed by {@link closeAll}. Fails fast, unless told otherwise. */
export function system(options: AlertSystemOptions = {}): BudgetAlertSystem {
  const webhooks = { allow: ['127.0.0.1'], maxAttempts: 1, ...options.webhooks };
  const made = new BudgetAlertSystem({ ...options, webhooks });
  open.push(made);
  return made;
}

export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map(one => one.close({ timeout: 0 })));
  await endAll();
}

export const USAGE: AlertUsage = {
  tokensUsed: 82_500,
  tokensLimit: 100_000,
  costUsed: 8.25,
  costLimit: 10,
  percentageUsed: 82.5,
};

export const at = (percentageUsed: number): AlertUsage => ({ ...USAGE, percentageUsed });

export function config(more: Partial<AlertConfig> = {}): AlertConfig {
  return {
    orchestratorId: 'orch',
    thresholds: [{ percentage: 80, level: AlertLevel.WARNING }],
    channels: [inApp()],
    rateLimit: { maxAlertsPerThreshold: 1, windowMs: 3_600_000 },
    enabled: true,
    ...more,
  };
}

export const inApp = (...userIds: string[]): ChannelConfig => ({
  type: AlertChannel.IN_APP,
  enabled: true,
  config: { userIds: userIds.length === 0 ? ['user-1'] : userIds },
});

export const webhook = (url: string, more: object = {}): ChannelConfig => ({
  type: AlertChannel.WEBHOOK,
  enabled: true,
  config: { url, ...more },
});

export const slack = (webhookUrl: string, more: object = {}): ChannelConfig => ({
  type: AlertChannel.SLACK,
  enabled: true,
  config: { webhookUrl, ...more },
});

export const email = (smtp: object | undefined, more: object = {}): ChannelConfig => ({
  type: AlertChannel.EMAIL,
  enabled: true,
  config: {
    recipients: ['ops@example.com'],
    from: 'budget@example.com',
    ...(smtp !== undefined && { smtp }),
    ...more,
  } as ChannelConfig['config'],
});

export const sms = (
  provider: 'twilio' | 'sns' | 'custom',
  providerConfig: Record<string, unknown>,
  phoneNumbers = ['+41790000001'],
): ChannelConfig => ({
  type: AlertChannel.SMS,
  enabled: true,
  config: { phoneNumbers, provider, providerConfig },
});

/** The class as it was published, compiled. It prints what it would send. */
export function publishedSystem(): new () => BudgetAlertSystem {
  const load = createRequire(__filename);
  return load(join(publishedBudgetFolder(), 'alert-system.js')).BudgetAlertSystem;
}
