// Every message the facade speaks, in every version: what is written is read back, what is cut off or blown up is refused.
import { beforeAll, describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Reader, WireError } from '../../../src/wire/bytes.ts'
import { everyMessage, randomMessage } from '../random-message.ts'
import { seed } from '../../support/seed.ts'

const messages = everyMessage()

beforeAll(() => {
  // Hundreds of thousands of refusals are made here; nobody reads their stacks.
  Error.stackTraceLimit = 0
})

describe(`codecs (SEED=${seed})`, () => {
  it('bring back random values of every version unchanged', () => {
    const random = new Prng(seed)
    for (const { title, message, version } of messages) {
      for (let round = 0; round < 20; round++) {
        const value = randomMessage(message, version, random)
        const bytes = message.encode(value, version)
        expect(message.decode(bytes, version), `${title}, SEED=${seed}`).toEqual(value)
        expect(message.encode(message.decode(bytes, version), version).equals(bytes), `${title}, SEED=${seed}`).toBe(true)
      }
    }
  })

  it('refuse every truncation with a WireError', () => {
    const random = new Prng(seed)
    for (const { title, message, version } of messages) {
      const whole = message.encode(randomMessage(message, version, random, { elementsMax: 2 }), version)
      for (let length = 0; length < whole.length; length++) {
        const refusal = refusalOf(() => message.decode(whole.subarray(0, length), version))
        expect(refusal, `${title} cut to ${length} of ${whole.length} bytes, SEED=${seed}`).toBeInstanceOf(WireError)
      }
    }
  })

  it('never make more elements than there are bytes, whatever a count says', () => {
    const random = new Prng(seed)
    const huge = Buffer.from('7fffffff', 'hex')
    const hugeCompact = Buffer.from('ffffffff07', 'hex')
    for (const { title, message, version } of messages) {
      const whole = message.encode(randomMessage(message, version, random, { elementsMax: 2 }), version)
      const isFlexible = message.isFlexible(version)
      for (let at = 0; at + (isFlexible ? 1 : 4) <= whole.length; at++) {
        const bomb = Buffer.concat([whole.subarray(0, at), isFlexible ? hugeCompact : huge, whole.subarray(at + (isFlexible ? 1 : 4))])
        // What is not a count or a length may well be any number; then the value is as large as its bytes.
        const refusal = refusalOf(() => message.decode(bomb, version))
        if (refusal !== undefined) expect(refusal, `${title} with a huge number at ${at}, SEED=${seed}`).toBeInstanceOf(WireError)
      }
    }
  })

  it('answer random bytes with a value or a WireError', () => {
    const random = new Prng(seed)
    for (const { title, message, version } of messages) {
      for (let round = 0; round < 50; round++) {
        const garbage = random.bytes(random.below(200))
        const refusal = refusalOf(() => message.decode(new Reader(garbage, { elementsMax: 1000 }), version))
        if (refusal !== undefined) expect(refusal, `${title}, SEED=${seed}: ${garbage.toString('hex')}`).toBeInstanceOf(WireError)
      }
    }
  })
})

function refusalOf(attempt: () => unknown): unknown {
  try {
    attempt()
    return undefined
  } catch (error) {
    return error
  }
}
