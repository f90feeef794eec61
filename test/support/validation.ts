// Validation for tests of the facades: by a function that says what is wrong with a record, and over a registry as the server has it.
import { Refusal, type Backend, type RecordFault, type RecordParts, type Topic, type Validation } from '../../src/ports.ts'
import { DeadLetters } from '../../src/registry/dead-letters.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { SchemaValidation } from '../../src/registry/validation.ts'

/** Refuses what `faultOf` finds something wrong with, in topics of that name (or all). */
export function rejecting(faultOf: (record: RecordParts) => RecordFault | null, topic?: string): Validation {
  return {
    appliesTo: ({ name }: Topic) => topic === undefined || name === topic,
    check: async (_topic, records) => records.map(faultOf),
    checkBatch: async (_topic, batch) => batch.records().flatMap((record, index) => {
      const fault = faultOf(record)
      return fault === null ? [] : [{ index, fault }]
    }),
    onInvalid: () => 'reject',
    putDeadLetters: async () => new Refusal('unsupported', 'this topic keeps no dead letters'),
  }
}

export const validatesNothing: Validation = { ...rejecting(() => null), appliesTo: () => false }

/** What the server has, over a backend. */
export function schemaValidation(registry: Registry, { logs, admin }: Pick<Backend, 'logs' | 'admin'>, now: () => number = Date.now): SchemaValidation {
  const silent = (): void => {}
  const letters = new DeadLetters({ logs, admin, clock: { now }, logger: { debug: silent, info: silent, warn: silent, error: silent } })
  return new SchemaValidation(registry, letters)
}

/** Finds fault with the value `bad`, and keeps the records in the topic's dead-letter topic as the server does. */
export function deadLettering({ logs, admin }: Pick<Backend, 'logs' | 'admin'>, faultOf: (record: RecordParts) => RecordFault | null, now: () => number = Date.now): Validation {
  const silent = (): void => {}
  const letters = new DeadLetters({ logs, admin, clock: { now }, logger: { debug: silent, info: silent, warn: silent, error: silent } })
  return { ...rejecting(faultOf), onInvalid: () => 'dead-letter', putDeadLetters: (topic, origin, bad) => letters.put(topic, origin, bad) }
}
