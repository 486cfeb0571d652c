import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenBudgetTracker } from '../tracker';

/** What the page asks of a `UsageReporter`: the published `getReport`, and a time series where there is one. */
export interface DashboardReporter {
  // The published parameters; `unknown` so that a reporter of any declaration fits.
  // biome-ignore lint/suspicious/noExplicitAny: parameters are compared in both directions otherwise
  getReport(params: any): Promise<object>;
}

/** What the page asks of a `BudgetAlertSystem`: alerts with their `createdAt`. */
export interface DashboardAlerts {
  getAlertHistory(orchestratorId: string, limit?: number): Promise<readonly object[]>;
}

/**
 * How a dashboard is set up.
 *
 * @example
 * ```ts
 * const dashboard = createDashboard({ tracker });
 * const { url } = await dashboard.listen({ port: 7070 });
 * ```
 */
export interface DashboardOptions {
  tracker: TokenBudgetTracker;
  /** Shows cost and tokens over time, and anomalies. */
  reporter?: DashboardReporter;
  /** Shows the latest alerts. */
  alerts?: DashboardAlerts;
  /**
   * Who is shown: names, or a function that knows them. Default: the latest 10,000 the tracker was asked about. At
   * most 500 are shown.
   */
  orchestrators?: readonly string[] | (() => readonly string[] | Promise<readonly string[]>);
  /** Must be told by whoever looks: `Authorization: Bearer <token>`, or once as `/?token=<token>`. 16 to 1,024 characters. */
  token?: string;
  /**
   * Names by which browsers may call this server, beside `localhost` and loopback addresses; any other `Host` is
   * refused, so that a foreign page cannot have its name point here. With a `token` every name is served.
   */
  allowedHosts?: readonly string[];
  /** How often changes by other processes are looked for while somebody watches, in milliseconds. Default 1,000. */
  refreshMs?: number;
  /** Put on every sample of `/metrics`. */
  labels?: Readonly<Record<string, string>>;
}

/** Where a dashboard listens. */
export interface DashboardListenOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Default `127.0.0.1`. Any but a loopback address needs a `token`. */
  host?: string;
}

/** The address of a dashboard. */
export interface DashboardAddress {
  host: string;
  port: number;
  url: string;
}

/** A page, `/metrics`, `/api/...` and `/events` about one tracker. */
export interface Dashboard {
  /** Starts a server of its own, which does not keep the process alive. Rejects when the port is taken. */
  listen(options?: DashboardListenOptions): Promise<DashboardAddress>;
  /** For any HTTP server of Node.js; paths are those behind where it is mounted. Never throws. */
  handler(request: IncomingMessage, response: ServerResponse): void;
  /** Ends the server and every stream, and stops listening to the tracker, which stays open. */
  close(): Promise<void>;
}
