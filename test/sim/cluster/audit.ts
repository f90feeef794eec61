// The costly rules, looked at from time to time and at the end: I4 replicas hold the same bytes below their high watermarks; I10 epochs are those of the batches;
// I14 every offset is found where it is.
import { crc32c } from '@node-rs/crc32'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Log } from '../../../src/engine/log/log.ts'
import { Refusal } from '../../../src/ports.ts'
import type { Batch } from '../../../src/wire/batch.ts'

interface Known {
  readonly nextOffset: number
  readonly crc: number
  readonly broker: number
}

export class Audit {
  readonly #violation: (text: string) => void
  readonly #mayLose: (topic: string) => boolean
  /** Every committed batch, by partition and base offset, as whoever had it first showed it. */
  readonly #ledger = new Map<string, Map<number, Known>>()
  readonly #verified = new WeakMap<Log, number>()
  batches = 0

  constructor(violation: (text: string) => void, mayLose: (topic: string) => boolean) {
    this.#violation = violation
    this.#mayLose = mayLose
  }

  /** What each replica has below its high watermark; `isFull`: from its beginning, and up to its end. Gives what could not be read. */
  async look(engine: Engine, { isFull }: { readonly isFull: boolean }): Promise<string[]> {
    const unread: string[] = []
    for (const broker of engine.brokers) {
      for (const replica of broker.replicas.all) {
        const { log } = replica
        if (log === undefined) continue
        const upTo = isFull ? log.endOffset : Math.min(replica.highWatermark, log.endOffset)
        const from = isFull ? log.startOffset : Math.max(this.#verified.get(log) ?? log.startOffset, log.startOffset)
        const name = `${replica.name} on broker ${broker.id}`
        const key = `${replica.topicId}/${replica.index}`
        const isLossy = this.#mayLose(replica.name.slice(0, replica.name.lastIndexOf('-')))
        try {
          const batches = await everyBatch(log, from, upTo)
          if (!isLossy) for (const batch of batches) this.#compare(key, name, broker.id, batch)
          this.#verified.set(log, Math.max(from, batches.at(-1)?.nextOffset ?? from))
          if (isFull) {
            this.#checkEpochs(name, log, batches)
            await this.#checkPlaces(name, log, batches)
          }
        } catch (error) {
          unread.push(`${name}: ${String(error)}`)
        }
      }
    }
    return unread
  }

  /** Whether each replica of the engine is the same as the leader's, to the last byte. */
  async differences(engine: Engine): Promise<string[]> {
    const found: string[] = []
    for (const topic of engine.image.topics) {
      for (const partition of topic.partitions) {
        const logs = partition.replicas.map(id => ({ id, log: engine.broker(id)?.replicas.get(topic.id, partition.index)?.log }))
        // Where a deletion was heard of by some only, the rest is compared.
        const from = Math.max(...logs.map(({ log }) => log?.startOffset ?? 0))
        const ends = new Set(logs.map(({ log }) => log?.endOffset ?? 0))
        if (ends.size > 1) {
          found.push(`${topic.name}-${partition.index} ends at ${logs.map(({ id, log }) => `${log?.endOffset ?? 0} on broker ${id}`).join(', ')}; broker ${partition.leader} leads`)
          continue
        }
        const texts = await Promise.all(logs.map(async ({ id, log }) => ({ id, text: log === undefined ? 'nothing' : await digest(log, from) })))
        const leader = texts.find(({ id }) => id === partition.leader)?.text ?? 'nothing'
        for (const { id, text } of texts) if (text !== leader) found.push(`${topic.name}-${partition.index}: broker ${id} has ${text}, the leader ${partition.leader} ${leader}`)
      }
    }
    return found
  }

  #compare(key: string, name: string, broker: number, batch: Batch): void {
    this.batches++
    const ledger = this.#ledger.get(key) ?? new Map<number, Known>()
    this.#ledger.set(key, ledger)
    const { baseOffset, nextOffset } = batch
    const crc = crc32c(batch.bytes)
    const known = ledger.get(baseOffset)
    if (known === undefined) ledger.set(baseOffset, { nextOffset, crc, broker })
    else if (known.crc !== crc || known.nextOffset !== nextOffset) this.#violation(`I4 ${name}: the batch at ${baseOffset} is not the one that broker ${known.broker} has`)
  }

  #checkEpochs(name: string, log: Log, batches: readonly Batch[]): void {
    for (const [index, batch] of batches.entries()) {
      const next = batches[index + 1]
      if (next !== undefined && next.leaderEpoch < batch.leaderEpoch) this.#violation(`I10 ${name}: epoch ${next.leaderEpoch} at ${next.baseOffset} follows epoch ${batch.leaderEpoch}`)
      if (next !== undefined && next.leaderEpoch === batch.leaderEpoch) continue
      const end = next?.baseOffset ?? batch.nextOffset
      const said = log.endOffsetOfEpoch(batch.leaderEpoch)
      if (said.leaderEpoch !== batch.leaderEpoch || said.endOffset !== end) this.#violation(`I10 ${name}: epoch ${batch.leaderEpoch} ends at ${end}; the log says ${JSON.stringify(said)}`)
    }
  }

  async #checkPlaces(name: string, log: Log, batches: readonly Batch[]): Promise<void> {
    const step = Math.max(1, Math.floor(batches.length / 20))
    for (let index = 0; index < batches.length; index += step) {
      const { baseOffset, lastOffset } = batches[index]!
      const offset = Math.max(log.startOffset, lastOffset)
      const found = await log.read(offset, { bytesMax: 1, atLeastOne: true, upTo: log.endOffset })
      if (found instanceof Refusal || found[0]?.baseOffset !== baseOffset) this.#violation(`I14 ${name}: offset ${offset} is not found in the batch at ${baseOffset}`)
    }
  }
}

async function everyBatch(log: Log, from: number, upTo: number): Promise<Batch[]> {
  const batches: Batch[] = []
  for (let offset = from; offset < upTo;) {
    const some = await log.read(offset, { bytesMax: 200_000, atLeastOne: true, upTo })
    if (some instanceof Refusal) throw new Error(some.message)
    if (some.length === 0) break
    batches.push(...some)
    offset = some.at(-1)!.nextOffset
  }
  return batches
}

async function digest(log: Log, from: number): Promise<string> {
  try {
    let crc = 0
    const batches = await everyBatch(log, from, log.endOffset)
    for (const batch of batches) crc = crc32c(batch.bytes, crc)
    return batches.length === 0 ? 'nothing' : `up to ${log.endOffset} (${crc.toString(16)})`
  } catch (error) {
    return `what cannot be read: ${String(error)}`
  }
}
