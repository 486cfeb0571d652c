// "Circuit Breaker Pattern": as the guide writes it, and as a part of the coordinator.
import { openCoordinator, startApp } from './setup.mjs';

const app = await startApp();
// So that nobody has to wait for five minutes.
let now = Date.now();
const minoots = openCoordinator({ clock: () => now });

class CircuitBreaker {
  constructor(service) {
    this.service = service;
    this.state = 'CLOSED'; // CLOSED, OPEN, HALF_OPEN
    this.failures = 0;
    this.threshold = 5;
  }

  async onFailure() {
    this.failures++;

    if (this.failures >= this.threshold && this.state === 'CLOSED') {
      this.state = 'OPEN';

      // Schedule circuit breaker reset
      await minoots.timers.create({
        name: `Circuit Breaker Reset: ${this.service}`,
        duration: '5m',
        events: {
          on_expire: {
            webhook: `${app.url}/reset-circuit/${this.service}`
          }
        }
      });
    }
  }
}

const written = new CircuitBreaker('payments');
for (let failure = 1; failure <= 6; failure++) await written.onFailure();
console.log(written.state, (await minoots.timers.list()).timers.map(({ name }) => name));

// The same, with one state for all processes, a single probe, and the calls themselves guarded.
const breaker = minoots.circuitBreaker('openai', {
  threshold: 5,
  resetAfter: '5m',
  schedule: { webhook: `${app.url}/reset-circuit/openai` },
});
const failing = async () => {
  throw new Error('503');
};
for (let call = 1; call <= 6; call++) {
  await breaker.execute(failing).catch(error => console.log(call, breaker.state, error.code ?? error.message));
}

// The reset is scheduled by then.
let scheduled = [];
while (scheduled.length < 2) ({ timers: scheduled } = await minoots.timers.list());
now += 5 * 60_000;
await app.wait(2);
console.log(app.received.map(({ path, name }) => `${path} ${name}`).sort());
console.log(await breaker.execute(async () => 'answered'), breaker.state);

await minoots.close();
app.stop();
