import { memoryBackend } from '../support/memory-backend.ts'
import { openEngineWorld } from '../support/engine-world.ts'
import { backendContract } from './backend.ts'

backendContract('local', async () => {
  const { backend, world, [Symbol.asyncDispose]: dispose } = await openEngineWorld()
  return { backend, now: () => world.clock.now(), [Symbol.asyncDispose]: dispose }
})

backendContract('in memory, for tests of facades', async () => {
  const backend = memoryBackend()
  return { backend, now: Date.now, [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose]() }
}, {
  skip: {
    'group protocol': 'it only keeps committed offsets',
    'record checks': 'it checks the size and the CRC of batches alone',
    'leader epochs': 'it has no replicas',
    'internal topics': 'its groups leave no records',
  },
})
