// Brokers as an operator handles them, where their listeners cannot be opened.
import { expect, it } from 'vitest'
import { brokerOperations, type Doors } from '../../src/backends/operations.ts'
import { Roster } from '../../src/engine/roster.ts'
import { openEngineWorld } from '../support/engine-world.ts'

/** Lets clients in to brokers below 10 only. */
function doorsBelowTen(): Doors & { readonly open: (broker: { readonly id: number }) => Promise<void> } {
  return {
    async open({ id }) {
      if (id >= 10) throw new Error(`port ${id} is in use`)
    },
    close: async () => {},
    destroy: () => {},
    ports: () => new Map(),
  }
}

it('does not keep a new broker that clients cannot get to, here and after the next start', async () => {
  await using opened = await openEngineWorld({ brokers: 3 })
  const { engine, world } = opened
  const roster = await world.run(() => Roster.open(world, '/roster'))
  const brokers = brokerOperations({ engine, roster, doors: doorsBelowTen(), directoryOf: id => `/broker-${id}` })
  expect(await world.run(() => brokers.add({ id: 10 }))).toMatchObject({ code: 'invalid-request', message: 'broker 10 cannot let clients in: port 10 is in use' })
  expect(await world.run(() => brokers.add({ id: 4 }))).toMatchObject({ id: 4, isUp: true })
  expect(engine.members.map(({ spec }) => spec.id)).toEqual([1, 2, 3, 4])
  const reopened = await world.run(() => Roster.open(world, '/roster'))
  expect(reopened.members([]).map(({ id }) => id)).toEqual([4])
})
