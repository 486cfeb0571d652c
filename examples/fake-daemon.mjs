// Stands for an orchestrator daemon, for daemon.mjs: sessions that are spawned, cost tokens and complete.
import { EventEmitter } from 'node:events';

export class FakeDaemon extends EventEmitter {
  #lastId = 0;
  #running = new Map();

  spawnSession(orchestratorId, tokensUsed) {
    this.#lastId += 1;
    const session = {
      id: `session-${this.#lastId}`,
      orchestratorId,
      model: 'claude-sonnet-4.5',
      metrics: {
        promptTokens: Math.ceil(tokensUsed * 0.8),
        completionTokens: Math.floor(tokensUsed * 0.2),
        tokensUsed,
      },
    };
    this.#running.set(session.id, session);
    this.emit('session:spawned', session);
    return session;
  }

  async stopSession(id) {
    this.#running.delete(id);
  }

  completeSession(id) {
    const session = this.#running.get(id);
    if (session && this.#running.delete(id)) {
      this.emit('session:completed', session);
    }
  }
}
