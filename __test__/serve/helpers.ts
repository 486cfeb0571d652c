import { request } from 'node:http';
import { TokenBudgetTracker } from '@wundr.io/token-budget/budget';
import { createDashboard, type Dashboard, type DashboardOptions } from '@wundr.io/token-budget/dashboard';

export interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  text: string;
}

/** A request of a plain client, which may call the server by any name. */
export function ask(
  url: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

const open: Array<{ close(): Promise<void> }> = [];

/** Closed by {@link closeAll}. */
export function makeTracker(
  config: ConstructorParameters<typeof TokenBudgetTracker>[0] = { defaultBudget: { hourly: 1000 } },
): TokenBudgetTracker {
  const tracker = new TokenBudgetTracker(config);
  open.push(tracker);
  return tracker;
}

/** One that listens; closed by {@link closeAll}. */
export async function listen(options: DashboardOptions): Promise<Dashboard & { url: string }> {
  const dashboard = createDashboard(options);
  open.push(dashboard);
  const { url } = await dashboard.listen();
  return { ...dashboard, url };
}

export async function closeAll(): Promise<void> {
  for (const one of open.splice(0).reverse()) await one.close();
}

export function track(
  tracker: TokenBudgetTracker,
  orchestratorId: string,
  totalTokens: number,
  model = 'claude-sonnet-4-5',
): Promise<void> {
  return tracker.trackUsage({
    ...{ orchestratorId, sessionId: 's', timestamp: new Date(), model },
    ...{ promptTokens: totalTokens, completionTokens: 0, totalTokens },
  });
}

/** Server-sent events of a stream, as they come. */
export async function* events(
  url: string,
  signal: AbortSignal,
): AsyncGenerator<{ event: string; data: string }> {
  const response = await fetch(url, { signal });
  if (response.body === null || !response.ok) throw new Error(`no stream: ${response.status}`);
  let text = '';
  const decoder = new TextDecoder();
  // In Node every stream can be iterated; the library for browsers does not say so.
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) =>
        lines.find(line => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
      if (field('data') !== '') yield { event: field('event'), data: field('data') };
    }
  }
}
