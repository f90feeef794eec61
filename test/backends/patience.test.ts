// An append on behalf of callers that know of no leaders: what leaders that come and go make of one batch.
import { describe, expect, it } from 'vitest'
import { appendOnce } from '../../src/backends/patience.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { OutcomeUnknown } from '../../src/engine/replication/leadership.ts'
import type { Replica } from '../../src/engine/replication/replica.ts'
import { type Appended, type AppendOptions, type EpochEnd, Refusal } from '../../src/ports.ts'
import { type Batch, buildBatch } from '../../src/wire/batch.ts'
import { SimWorld } from '../sim/world.ts'

const at = { topic: 'orders', partition: 0 }
const all: AppendOptions = { acks: 'all', timeoutMs: 10_000 }

/** A leader whose log begins at 7 in its own epoch, and what it has of earlier epochs. */
class Leader {
  readonly given: number[] = []
  /** Epochs it has, and where each ends. */
  readonly epochs = new Map<number, number>()
  readonly leadership: { acknowledged: (appended: Appended) => Promise<Appended | Refusal> }
  readonly #epoch: number
  readonly #answers: boolean
  /** Called in place of an answer that is not known. */
  over: () => void = () => {}

  constructor(epoch: number, how: { readonly answers: boolean; readonly commits?: boolean }) {
    this.#epoch = epoch
    this.#answers = how.answers
    const refusal = new Refusal('request-timed-out', 'not committed')
    this.leadership = { acknowledged: appended => Promise.resolve(how.commits === false ? refusal : appended) }
  }

  async append(batch: Batch): Promise<Appended | Refusal> {
    this.given.push(batch.baseOffset)
    batch.assign(7, this.#epoch)
    const appended = { baseOffset: 7, logAppendTimeMs: -1, logStartOffset: 0 }
    if (this.#answers) return appended
    this.epochs.set(this.#epoch, 8)
    this.over()
    return new OutcomeUnknown(new Refusal('not-leader', 'gone'), this.#epoch, appended, 8)
  }

  endOfEpoch(epoch: number): EpochEnd {
    const endOffset = this.epochs.get(epoch)
    return endOffset === undefined ? { leaderEpoch: -1, endOffset: 7 } : { leaderEpoch: epoch, endOffset }
  }
}

/** The leaders lead in turn: the next one once the outcome of an append to the one before is not known. */
async function play(leaders: readonly Leader[], how = all): Promise<Appended | Refusal> {
  const world = new SimWorld(1)
  let turn = 0
  for (const leader of leaders) leader.over = () => { turn++ }
  const engine = { world, failed: undefined, find: () => leaders[turn] as unknown as Replica } as unknown as Engine
  return world.run(() => appendOnce(engine, at, buildBatch([{ key: null, value: Buffer.from('one') }], { timestampMs: 0 }), how))
}

describe('a batch whose leader goes before it answers', () => {
  it('is given as it was to the next one, if that one lacks it', async () => {
    const [first, second] = [new Leader(1, { answers: false }), new Leader(2, { answers: true })]
    expect(await play([first, second])).toMatchObject({ baseOffset: 7 })
    expect([first.given, second.given]).toEqual([[0], [0]])
  })

  it('is not given to the next one that has it', async () => {
    const [first, second] = [new Leader(1, { answers: false }), new Leader(2, { answers: true })]
    second.epochs.set(1, 9)
    expect(await play([first, second])).toMatchObject({ baseOffset: 7 })
    expect(second.given).toEqual([])
  })

  it('is looked for again where the one that has it leads again, after one that lacked it', async () => {
    const [first, second] = [new Leader(1, { answers: false }), new Leader(2, { answers: false })]
    expect(await play([first, second, first])).toMatchObject({ baseOffset: 7 })
    expect([first.given, second.given]).toEqual([[0], [0]])
  })

  it('is waited for no longer than the caller does, where the one that has it cannot commit it', async () => {
    const [first, second] = [new Leader(1, { answers: false }), new Leader(2, { answers: true, commits: false })]
    second.epochs.set(1, 8)
    expect(await play([first, second])).toMatchObject({ code: 'request-timed-out' })
    expect(second.given).toEqual([])
  })

  it('is lost or not for all that a caller knows who did not want to wait for other replicas', async () => {
    expect(await play([new Leader(1, { answers: false })], { ...all, acks: 'leader' })).toBeInstanceOf(OutcomeUnknown)
  })
})
