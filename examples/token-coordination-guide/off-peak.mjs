// "Off-Peak API Usage": as the guide writes it, and in one call.
import { openCoordinator, startApp } from './setup.mjs';

const app = await startApp();
// So that nobody has to wait for the night.
let now = Date.now();
const minoots = openCoordinator({ clock: () => now });

const executeOperation = operation => `${operation.name} has run`;

const scheduleOffPeakOperation = async (operation) => {
  const now = new Date();
  const offPeakStart = new Date(now);
  offPeakStart.setHours(2, 0, 0, 0); // 2 AM

  if (now.getHours() >= 2 && now.getHours() < 8) {
    // We're in off-peak, execute now
    return executeOperation(operation);
  }

  // Schedule for next off-peak window
  if (now.getHours() >= 8) {
    offPeakStart.setDate(offPeakStart.getDate() + 1);
  }

  await minoots.timers.create({
    name: `Off-Peak Operation: ${operation.name}`,
    duration: offPeakStart.getTime() - now.getTime(),
    events: {
      on_expire: {
        webhook: `${app.url}/execute-off-peak`,
        data: operation
      }
    }
  });
};

const operation = { name: 'reindex', documents: 12 };
const result = await scheduleOffPeakOperation(operation);

// The same, with any window, on any days, in any zone; what cannot wait runs anyway.
const plan = {
  execute: executeOperation,
  windows: ['02:00-08:00', { from: '22:00', to: '23:00', days: [0, 6] }],
  on_expire: { webhook: `${app.url}/execute-off-peak-too` },
};
const outcome = await minoots.timers.offPeak(operation, plan);
const urgent = await minoots.timers.offPeak(operation, { ...plan, emergencyFloor: 100, level: 12 });
console.log(urgent);

// Whether it is off-peak now is up to when you run this.
const isPlanned = [result === undefined, !outcome.executed];
console.log(result ?? 'planned', '/', outcome.executed ? outcome.result : 'planned');
now += 2 * 86_400_000;
await app.wait(isPlanned.filter(Boolean).length);
console.log(app.received.every(({ data }) => data.documents === 12));

await minoots.close();
app.stop();
