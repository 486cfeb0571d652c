/** Incoming webhooks of Slack, and of what takes the same. */
import { toJson } from '../../json';
import { type GuardedRequests, userAgent } from '../../timers/webhooks/guarded';
import type { Slack } from '../channel-config';
import { AlertLevel, colorOf, priorityOf } from '../levels';
import { costs, percentage, tokens } from '../wording';
import type { Courier, Letter } from './courier';

export function slackCourier(to: Slack, letter: Letter, requests: GuardedRequests): Courier {
  const body = toJson(payloadOf(to, letter));
  const headers = () => ({ 'content-type': 'application/json', 'user-agent': userAgent() });
  return { retries: undefined, attempt: signal => requests.send({ url: to.url, body, headers }, signal) };
}

function payloadOf({ channel, username, iconEmoji, mentionChannel }: Slack, { alert }: Letter) {
  const { level, currentUsage, createdAt } = alert;
  const title = escaped(alert.title);
  const isUrgent = priorityOf(level) >= priorityOf(AlertLevel.CRITICAL);
  const field = (name: string, value: string) => ({ title: name, value: escaped(value), short: true });
  return {
    text: mentionChannel && isUrgent ? `<!channel> ${title}` : title,
    attachments: [
      {
        color: colorOf(level),
        title,
        text: escaped(alert.message),
        fields: [
          field('Tokens Used', tokens(currentUsage)),
          field('Cost', costs(currentUsage)),
          field('Percentage', percentage(currentUsage)),
          field('Level', level.toUpperCase()),
        ],
        footer: 'Budget Alert System',
        ts: Math.floor(createdAt.getTime() / 1000),
      },
    ],
    channel,
    username,
    icon_emoji: iconEmoji,
  };
}

/**
 * The three characters that Slack wants escaped: by them text could mention everybody, or show a link that leads
 * elsewhere. https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
