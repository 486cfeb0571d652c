import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asConfig } from '../config/store';
import { closedError, TokenBudgetError } from '../errors';
import { accessOf, cookieFor } from './access';
import { assetAt } from './assets';
import { TrackerCounters } from './counters';
import { Feed } from './feed';
import { trackerMetricsText } from './metrics';
import { type DashboardSettings, readDashboardOptions, readListen } from './options';
import { Reports, recentAlerts } from './reports';
import { SnapshotSource } from './source';
import type { Dashboard, DashboardAddress, DashboardListenOptions, DashboardOptions } from './types';

/** Nothing from elsewhere, nothing inline, in no frame. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/**
 * A page about a tracker: windows with their thresholds, reservations, overrides, cost over time and anomalies,
 * kept up to date by server-sent events; `/metrics` for Prometheus; `/api/snapshot`, `/api/report` and
 * `/api/alerts` as JSON. It needs nothing from the internet, only reads, and serves loopback only, unless there is a
 * token. Throws `INVALID_CONFIG`, naming the field.
 *
 * @example
 * ```ts
 * const dashboard = createDashboard({ tracker });
 * const { url } = await dashboard.listen();
 * console.log(url);
 * await dashboard.close();
 * ```
 */
export function createDashboard(options: DashboardOptions): Dashboard {
  const pages = new Pages(readDashboardOptions(options));
  return {
    listen: listening => pages.listen(listening),
    handler: (request, response) => pages.handle(request, response),
    close: () => pages.close(),
  };
}

class Pages {
  readonly #settings: DashboardSettings;
  readonly #source: SnapshotSource;
  readonly #feed: Feed;
  readonly #counters: TrackerCounters;
  readonly #reports: Reports | null;
  readonly #servers = new Set<Server>();
  #closing: Promise<void> | null = null;

  constructor(settings: DashboardSettings) {
    this.#settings = settings;
    this.#source = new SnapshotSource(settings);
    this.#counters = new TrackerCounters(settings.tracker);
    this.#feed = new Feed(this.#source, settings.tracker, settings.refreshMs);
    this.#reports = settings.reporter === null ? null : new Reports(settings.reporter);
    try {
      // What is wrong with the labels is said now, not when somebody asks for metrics.
      asConfig(() => this.#metrics({ ...NOTHING }));
    } catch (error) {
      this.#counters.stop();
      throw error;
    }
  }

  async listen(options?: DashboardListenOptions): Promise<DashboardAddress> {
    if (this.#closing !== null) throw closedError('dashboard');
    const { port, host } = readListen(options, this.#settings);
    const server = createServer((request, response) => this.handle(request, response));
    server.on('connection', socket => socket.unref());
    this.#servers.add(server);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
    } catch (cause) {
      this.#servers.delete(server);
      const { code = 'failed' } = cause as NodeJS.ErrnoException;
      const message = `options.port: cannot listen on ${host}:${port} (${code})`;
      throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: 'options.port', cause });
    }
    if (this.#closing !== null) {
      server.close();
      throw closedError('dashboard');
    }
    server.unref();
    const address = server.address() as AddressInfo;
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return { host: address.address, port: address.port, url: `http://${name}:${address.port}/` };
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {});
    this.#answer(request, response).catch(error => {
      // The reader has got something else already: the half of it is cut off.
      if (response.headersSent) response.destroy();
      else sendText(response, 500, error instanceof TokenBudgetError ? error.message : 'failed');
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#feed.close();
    this.#counters.stop();
    await Promise.all(
      [...this.#servers].map(
        server =>
          new Promise<void>(resolve => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const url = urlOf(request);
    if (url === null) return sendText(response, 400, 'Bad request');
    switch (accessOf(request, url, this.#settings)) {
      case 'stranger':
        return sendText(response, 421, 'This server is not known by that name: see allowedHosts');
      case 'unknown':
        response.setHeader('www-authenticate', 'Bearer');
        return sendText(response, 401, 'A token is needed: open /?token=<token>');
      default:
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return sendText(response, 405, 'Only GET and HEAD');
    }
    if (this.#closing !== null) return sendText(response, 503, 'Closed');
    if (url.searchParams.has('token')) return this.#welcome(url, response);
    await this.#serve(url, request, response);
  }

  /** The token leaves the address bar, the history and what is bookmarked. */
  #welcome(url: URL, response: ServerResponse): void {
    url.searchParams.delete('token');
    const { token } = this.#settings;
    if (token !== null) response.setHeader('set-cookie', cookieFor(token));
    // Relative, for we may be mounted somewhere: to the last part of the path.
    const name = url.pathname.split('/').at(-1) ?? '';
    response.setHeader('location', `./${name}${url.search}`);
    sendText(response, 303, 'Welcome');
  }

  async #serve(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = url.pathname;
    const asset = assetAt(path);
    if (asset !== undefined) {
      response.setHeader('content-type', asset.type);
      response.setHeader('cache-control', 'no-cache');
      return void response.end(request.method === 'HEAD' ? undefined : asset.body);
    }
    switch (path) {
      case '/events':
        if (request.method === 'HEAD') return sendText(response, 200, '');
        if (!this.#feed.watch(response)) sendText(response, 503, 'Too many watch already');
        return;
      case '/metrics':
        response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
        return void response.end(this.#metrics(await this.#source.take()));
      case '/api/snapshot':
        return sendJson(response, 200, await this.#source.take());
      case '/api/features': {
        const { reporter, alerts } = this.#settings;
        return sendJson(response, 200, { report: reporter !== null, alerts: alerts !== null });
      }
      case '/api/report':
        return this.#report(url, response);
      case '/api/alerts': {
        const { alerts } = this.#settings;
        if (alerts === null) return sendJson(response, 404, { error: 'There is no alert system' });
        return sendJson(response, 200, { alerts: await recentAlerts(alerts, await this.#source.names()) });
      }
      default:
        return sendText(response, 404, 'Not found');
    }
  }

  async #report(url: URL, response: ServerResponse): Promise<void> {
    if (this.#reports === null) return sendJson(response, 404, { error: 'There is no reporter' });
    const answer = await this.#reports.answer(url.searchParams);
    if ('wrong' in answer) return sendJson(response, 400, { error: answer.wrong });
    sendJson(response, 200, answer.report);
  }

  #metrics(snapshot: Parameters<typeof trackerMetricsText>[0]): string {
    return trackerMetricsText(snapshot, this.#counters, { labels: this.#settings.labels });
  }
}

const NOTHING: Parameters<typeof trackerMetricsText>[0] = {
  at: '',
  storeUp: false,
  failure: null,
  thresholds: [],
  orchestrators: [],
  leftOut: 0,
};

function urlOf(request: IncomingMessage): URL | null {
  // Only path and query: what a proxy's form of it names as the host says nothing.
  const target = request.url ?? '/';
  return target.startsWith('/') && URL.canParse(`http://_${target}`) ? new URL(`http://_${target}`) : null;
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(`${text}\n`);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(JSON.stringify(value));
}
