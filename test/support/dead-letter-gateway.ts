// A gateway in front of a registry and topics that keep their dead letters, all in memory: what does not fit is judged and kept as the server does it.
import type { Validation } from '../../src/ports.ts'
import { RegistryRefusal } from '../../src/registry/errors.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import type { SchemaValidation } from '../../src/registry/validation.ts'
import { testGateway, type TestGateway } from './gateway.ts'
import { memoryBackend } from './memory-backend.ts'
import { silent } from './registry-app.ts'
import { schemaValidation } from './validation.ts'

export interface DeadLetterGateway {
  readonly gateway: TestGateway
  readonly registry: Registry
  readonly validation: SchemaValidation
  /** Registers a JSON Schema; its id. */
  register(subject: string, schema: object): Promise<number>
}

export const keepsDeadLetters = { 'confluent.value.schema.validation': 'true', 'sluice.validation.mode': 'payload', 'sluice.validation.on.invalid': 'dead-letter' }

export async function deadLetterGateway(): Promise<DeadLetterGateway> {
  const registry = await openRegistry({ ...memoryBackend(), clock: { now: () => Date.now() }, logger: silent })
  const real: { validation?: SchemaValidation } = {}
  const validation: Validation = {
    appliesTo: topic => real.validation!.appliesTo(topic),
    check: (...args) => real.validation!.check(...args),
    checkBatch: (...args) => real.validation!.checkBatch(...args),
    onInvalid: topic => real.validation!.onInvalid(topic),
    putDeadLetters: (...args) => real.validation!.putDeadLetters(...args),
  }
  const gateway = await testGateway({ registry, validation })
  real.validation = schemaValidation(registry, gateway.parts, () => gateway.time.now)
  return {
    gateway, registry, validation: real.validation,
    async register(subject, schema) {
      const version = await registry.register(subject, { schema: JSON.stringify(schema), schemaType: 'JSON' }, { normalize: undefined })
      if (version instanceof RegistryRefusal) throw new Error(version.message)
      return version.id
    },
  }
}
