'use strict';

// For `support/fleet.ts`: one tracker, called by the test, with everything it emits written down.
const { performance } = require('node:perf_hooks');
const { TokenBudgetTracker } = require('../../dist/index.js');
const { serve } = require('./serve.cjs');
const { timed } = require('./timed.cjs');

const EVENTS = [
  'budget:exceeded',
  'budget:denied',
  'budget:set',
  'usage:tracked',
  'usage:spooled',
  'reservation:created',
  'reservation:released',
  'reservation:expired',
  'override:set',
  'override:removed',
  'store:connected',
  'store:disconnected',
  'store:warning',
  'error',
];
const LANES = 4;
const FAILURE_PAUSE_MS = 10;

let tracker;
let load;
const heard = [];

const realNow = () => performance.timeOrigin + performance.now();

function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  if ('$later' in value) return new Date(Date.now() + value.$later);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

function plain(value) {
  if (value instanceof Error) return { name: value.name, message: value.message, code: value.code };
  return value;
}

const invoke = (method, args) => tracker[method](...revive(args));

class Load {
  report = { reported: 0, recorded: 0, operations: 0, granted: 0, failed: {} };
  #ending = false;
  #lanes;

  constructor(orchestratorId) {
    this.orchestratorId = orchestratorId;
    tracker.on('usage:tracked', usage => {
      if (usage.orchestratorId === orchestratorId) this.report.recorded += usage.totalTokens;
    });
    this.#lanes = Array.from({ length: LANES }, (_, lane) => this.#run(lane));
  }

  async end() {
    this.#ending = true;
    await Promise.all(this.#lanes);
    return this.report;
  }

  async #run(lane) {
    for (let round = 1; !this.#ending; round++) {
      const tokens = 1 + (round % 7);
      await this.#attempt(() => (lane % 2 === 0 ? this.#track(tokens) : this.#hold(tokens)));
    }
  }

  async #attempt(operation) {
    try {
      await operation();
      this.report.operations += 1;
    } catch (error) {
      this.report.failed[error.code] = (this.report.failed[error.code] ?? 0) + 1;
      await new Promise(done => setTimeout(done, FAILURE_PAUSE_MS));
    }
  }

  async #track(tokens) {
    await invoke('trackUsage', [
      {
        orchestratorId: this.orchestratorId,
        sessionId: 'load',
        timestamp: new Date(),
        promptTokens: tokens,
        completionTokens: 0,
        totalTokens: tokens,
        model: 'model',
      },
    ]);
    this.report.reported += tokens;
  }

  async #hold(tokens) {
    const { success, reservationId } = await tracker.reserveTokens(this.orchestratorId, 10, 'all');
    if (!success) return;
    this.report.granted += 1;
    await tracker.releaseReservation(reservationId, tokens);
    this.report.reported += tokens;
  }
}

serve({
  open({ config }) {
    tracker = new TokenBudgetTracker(config);
    const thresholds = (config.thresholds ?? [0.5, 0.75, 0.9, 1]).map(
      fraction => `threshold:${Number((fraction * 100).toPrecision(12))}`,
    );
    for (const name of [...EVENTS, ...thresholds]) {
      tracker.on(name, (...args) => heard.push({ name, args: args.map(plain), at: realNow() }));
    }
  },
  call: ({ method, args }) => invoke(method, args),
  all: ({ calls, againstMs }) =>
    Promise.all(calls.map(([method, ...args]) => timed(() => invoke(method, args), againstMs))),
  heard: ({ name }) => (name === undefined ? heard : heard.filter(event => event.name === name)),
  now: () => Date.now(),
  beginLoad({ orchestratorId }) {
    load = new Load(orchestratorId);
  },
  operations: () => load.report.operations,
  endLoad: () => load.end(),
});
