/** What an e-mail says: as text, and as HTML in which nothing that came from elsewhere is markup. */
import { colorOf } from '../levels';
import type { Alert } from '../types';
import { costs, filled, numbersOf, percentage, tokens } from '../wording';
import type { Letter } from './courier';

/** One line. */
export function subjectOf(
  template: string | undefined,
  { title, level, orchestratorId, ...alert }: Alert,
): string {
  if (!template) return `Budget Alert: ${title}`;
  const numbers = numbersOf(alert.threshold, alert.currentUsage);
  return filled(template, { ...numbers, title, level, orchestratorId }).replace(/\p{Cc}+/gu, ' ');
}

export function textOf({ alert, timezone }: Letter): string {
  const { title, message, currentUsage, level } = alert;
  return [
    ...[title, '', message, ''],
    `Tokens Used: ${tokens(currentUsage)}`,
    `Cost: ${costs(currentUsage)}`,
    `Percentage: ${percentage(currentUsage)}`,
    `Level: ${level.toUpperCase()}`,
    ...(timezone === undefined ? [] : [`Time: ${timeIn(alert.createdAt, timezone)}`]),
  ].join('\n');
}

export function htmlOf({ alert, timezone }: Letter): string {
  const { title, message, currentUsage, level } = alert;
  const cell = 'padding: 10px; border: 1px solid #ddd;';
  const row = (name: string, value: string) => `
              <tr>
                <td style="${cell}"><strong>${name}</strong></td>
                <td style="${cell}">${escaped(value)}</td>
              </tr>`;
  const rows = [
    row('Tokens Used', tokens(currentUsage)),
    row('Cost', costs(currentUsage)),
    row('Percentage', percentage(currentUsage)),
    ...(timezone === undefined ? [] : [row('Time', timeIn(alert.createdAt, timezone))]),
  ];
  return `
      <html>
        <body style="font-family: Arial, sans-serif;">
          <div style="background-color: ${colorOf(level)}; color: white; padding: 20px;">
            <h1>${escaped(title)}</h1>
          </div>
          <div style="padding: 20px;">
            <p>${escaped(message)}</p>
            <table style="width: 100%; border-collapse: collapse; margin-top: 20px;">${rows.join('')}
            </table>
          </div>
        </body>
      </html>
    `;
}

/** `2026-01-14 13:30:00 GMT+1` */
function timeIn(date: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    ...({ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit' } as const),
    ...({ minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short', timeZone } as const),
  }).formatToParts(date);
  const part = (type: string) => parts.find(each => each.type === type)?.value ?? '';
  const day = `${part('year')}-${part('month')}-${part('day')}`;
  return `${day} ${part('hour')}:${part('minute')}:${part('second')} ${part('timeZoneName')}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character] ?? '');
}
