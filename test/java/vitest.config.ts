// The tests that need Java and Maven, apart from `npm test`: `npm run test:java`.
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: join(import.meta.dirname, '..', '..'),
    include: ['test/java/**/*.check.ts'],
    globalSetup: [join(import.meta.dirname, 'compile.ts')],
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
  },
})
