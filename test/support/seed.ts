// The one seed of every random test: the same on every machine unless SEED names another, so that what fails here fails there. Set up before each test file.
import fc from 'fast-check'

/** `SEED=n npm test` looks where no run has looked before; more of the same comes with TEST_PAIRS, TEST_SEEDS and TEST_MUTATIONS. */
export const seed = Number(process.env['SEED'] ?? 1)
if (!Number.isSafeInteger(seed)) throw new Error(`SEED must be a whole number, not ${process.env['SEED']}`)

fc.configureGlobal({ seed })
