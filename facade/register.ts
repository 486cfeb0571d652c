/**
 * The entry `@wundr.io/token-budget/register`, to be loaded before a program:
 *
 * ```sh
 * node --import @wundr.io/token-budget/register daemon.js
 * ```
 *
 * `--require` does the same. From then on `@wundr.io/orchestrator-daemon/budget`, and the same classes imported from the
 * root of that package, are ours. `docs/switching.md` tells what is redirected and what is not.
 */
import { install } from './register/install';

/** Whether imports are redirected in this thread: `false` where `TOKEN_BUDGET_REGISTER=off` forbids it. */
export const isRegistered: boolean = install();
