/**
 * Property tests with the seed that `TOKEN_BUDGET_SEED` names, so that a run can be repeated; without it each run plays
 * something else, and what fails prints its seed.
 */
import fc from 'fast-check';

const seed = process.env.TOKEN_BUDGET_SEED;
if (seed) {
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
}

export default fc;
