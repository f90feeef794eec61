import { describe, expect, it } from 'vitest'
import { errorCodeOf, errorMessageOf } from '../../src/kafka/errors.ts'
import { Refusal, type RefusalCode } from '../../src/ports.ts'

describe('a refusal that has to do with brokers and replicas', () => {
  it('has the number of Kafka\'s protocol guide, and its own text', () => {
    const expected: Partial<Record<RefusalCode, number>> = {
      'leader-not-available': 5, 'not-leader': 6, 'broker-not-available': 8, 'replica-not-available': 9, 'not-coordinator': 16, 'not-enough-replicas': 19,
      'not-enough-replicas-after-append': 20, 'storage-error': 56, 'log-dir-not-found': 57, 'reassignment-in-progress': 60, 'fenced-leader-epoch': 74,
      'unknown-leader-epoch': 75, 'offset-not-available': 78, 'preferred-leader-not-available': 80, 'eligible-leaders-not-available': 83, 'election-not-needed': 84,
      'no-reassignment-in-progress': 85, 'broker-id-not-registered': 102,
    }
    for (const [code, wanted] of Object.entries(expected)) {
      const refusal = new Refusal(code as RefusalCode, `because of ${code}`)
      expect([errorCodeOf(refusal), errorMessageOf(refusal)], code).toEqual([wanted, `because of ${code}`])
    }
    expect([errorCodeOf(null), errorMessageOf(null)]).toEqual([0, null])
  })
})
