import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { envelopeBytes, Envelopes, type NamedKey } from '../../../src/engine/sealed/envelope.ts'
import { Refusal } from '../../../src/ports.ts'
import { Batch, buildBatch } from '../../../src/wire/batch.ts'
import { codecs } from '../../../src/wire/compression.ts'

const keyId = '0fc7a1c2-52a6-4b0a-8f5b-6f1f4cbbd0aa'
const other = '11111111-52a6-4b0a-8f5b-6f1f4cbbd0aa'
const secret = 'the plans of the vault'
const refused = (code: Refusal['code']) => expect.objectContaining({ code })

function keys(): Map<string, NamedKey> {
  return new Map([keyId, other].map((id, index) => [id, { state: 'Enabled', key: createSecretKey(Buffer.alloc(32, index + 1)) }]))
}

function envelopes(of = keys(), scope = 'cluster|topic|0'): Envelopes {
  return new Envelopes({ keys: { find: id => of.get(id) }, random: { bytes: randomBytes, uuid: () => keyId }, scope })
}

function batchOf(value = secret, baseOffset = 7): Batch {
  return buildBatch([{ key: Buffer.from('k'), value: Buffer.from(value) }], { timestampMs: 1_000, baseOffset, leaderEpoch: 3, producer: { id: 5, epoch: 1, baseSequence: 9 } })
}

/** With the CRC that its bytes have. */
function altered(batch: Batch, change: (bytes: Buffer) => void): Batch {
  const bytes = Buffer.from(batch.bytes)
  change(bytes)
  return Batch.parse(bytes)
}

describe('an envelope', () => {
  it('gives back every batch byte by byte, with the id of its key', () => {
    const enclosing = envelopes()
    const opening = envelopes()
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 2_000 }), { minLength: 1, maxLength: 20 }), fc.constantFrom(...codecs), fc.nat(2 ** 40), (values, codec, baseOffset) => {
      const batch = buildBatch(values.map(value => ({ key: null, value: Buffer.from(value) })), { timestampMs: 1_000, codec, baseOffset })
      const opened = opening.open(enclosing.enclose(batch, keyId)) as Batch
      expect(opened.bytes).toEqual(batch.bytes)
      expect(opened.keyId).toBe(keyId)
    }), { numRuns: 200 })
  })

  it('shows the header and nothing of the records, and is a batch like any other to whoever keeps it', () => {
    const batch = batchOf()
    const enclosed = envelopes().enclose(batch, keyId)
    expect(enclosed.bytes.includes(secret)).toBe(false)
    expect(enclosed.crcIsValid()).toBe(true)
    expect(enclosed.bytes.length).toBe(batch.bytes.length + envelopeBytes)
    const facts = ({ baseOffset, lastOffset, leaderEpoch, maxTimestampMs, producerId, baseSequence, count, codec }: Batch) =>
      ({ baseOffset, lastOffset, leaderEpoch, maxTimestampMs, producerId, baseSequence, count, codec })
    expect(facts(enclosed)).toEqual(facts(batch))
    expect([batch.isEnveloped, enclosed.isEnveloped]).toEqual([false, true])
  })

  it('is another one each time, also for equal batches', () => {
    const writer = envelopes()
    const all = [writer.enclose(batchOf(), keyId), writer.enclose(batchOf(), keyId), envelopes().enclose(batchOf(), keyId)]
    expect(new Set(all.map(one => one.bytes.toString('hex'))).size).toBe(3)
  })

  it('opens with its own key only, and in its own partition', () => {
    const enclosed = envelopes().enclose(batchOf(), keyId)
    const swapped = keys()
    swapped.set(keyId, swapped.get(other)!)
    expect(envelopes(swapped).open(enclosed)).toEqual(refused('corrupt-message'))
    expect(envelopes(keys(), 'cluster|topic|1').open(enclosed)).toEqual(refused('corrupt-message'))
  })

  it('does not open with a single bit changed, but for the CRC of what is stored', () => {
    const enclosed = envelopes().enclose(batchOf(), keyId)
    for (let at = 0; at < enclosed.bytes.length; at++) {
      // Length and magic make it no batch at all; the CRC is judged by whoever reads the file.
      if ((at >= 8 && at < 12) || (at >= 16 && at < 21)) continue
      const opened = envelopes().open(altered(enclosed, bytes => { bytes[at]! ^= 0x40 }))
      if (at === 21) expect((opened as Batch).isEnveloped).toBe(false)
      else expect(opened, `byte ${at}`).toBeInstanceOf(Refusal)
    }
  })

  it('stays closed while its key is disabled or pending deletion, and for good without it', () => {
    const held = keys()
    const some = envelopes(held)
    const enclosed = some.enclose(batchOf(), keyId)
    expect(some.open(enclosed)).toBeInstanceOf(Batch)
    const named = held.get(keyId)!
    held.set(keyId, { ...named, state: 'Disabled' })
    expect([some.open(enclosed), some.fault(keyId)]).toEqual([refused('key-disabled'), refused('key-disabled')])
    held.set(keyId, { ...named, state: 'PendingDeletion' })
    expect(some.open(enclosed)).toEqual(refused('key-pending-deletion'))
    held.delete(keyId)
    expect(some.open(enclosed)).toEqual(refused('key-not-found'))
    held.set(keyId, named)
    expect((some.open(enclosed) as Batch).bytes).toEqual(batchOf().bytes)
  })

  it('lets what lies before it be read', () => {
    const held = keys()
    const some = envelopes(held)
    const batches = [batchOf('plain', 1), some.enclose(batchOf('one', 2), other), some.enclose(batchOf('two', 3), keyId)]
    const read = () => {
      const opened = some.openAll([...batches])
      return opened instanceof Refusal ? opened.code : opened.map(batch => `${batch.records()[0]!.value}`)
    }
    expect(read()).toEqual(['plain', 'one', 'two'])
    held.set(keyId, { ...held.get(keyId)!, state: 'Disabled' })
    expect(read()).toEqual(['plain', 'one'])
    batches.splice(0, 2)
    expect(read()).toBe('key-disabled')
  })
})
