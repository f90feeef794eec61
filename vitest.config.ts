import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores: more workers than that only make the timing of real servers worse.
    maxWorkers: 2,
    setupFiles: ['test/support/seed.ts'],
    // What hangs is found all the same, and a slow machine is not taken for one that does.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
  },
})
