// Waiting out a change of leaders on behalf of callers that know of no leaders: REST, Kinesis, the registry. What may be asked again is asked again; what may have
// been done already is looked up first, so that nothing is done twice.
import type { Engine } from '../engine/engine.ts'
import { OutcomeUnknown } from '../engine/replication/leadership.ts'
import type { Replica } from '../engine/replication/replica.ts'
import { type Appended, type AppendOptions, type PartitionRef, Refusal, type RefusalCode } from '../ports.ts'
import type { Batch } from '../wire/batch.ts'

/** Nothing was done, and soon somebody else may be able to. */
const passing: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'not-leader', 'leader-not-available', 'offset-not-available', 'not-coordinator', 'coordinator-not-available', 'coordinator-load-in-progress', 'broker-not-available',
])
const patienceMs = 15_000
const pauseMs = 20

/** Asks until the answer is not one that passes, or patience ends. */
export async function patiently<T>(engine: Engine, ask: () => Promise<T | Refusal>, waitMs = patienceMs): Promise<T | Refusal> {
  const { clock } = engine.world
  const deadlineMs = clock.monotonic() + waitMs
  for (;;) {
    const answer = await ask()
    if (!(answer instanceof Refusal) || answer instanceof OutcomeUnknown || !passing.has(answer.code) || clock.monotonic() >= deadlineMs) return answer
    if (engine.failed !== undefined) return engine.failed
    await new Promise<void>(resolve => void clock.after(pauseMs, resolve))
  }
}

/** With a replica that leads; without a turn of the event loop where it is open, so that appends of one caller stay in order. */
export function atLeader<T>(engine: Engine, at: PartitionRef, ask: (replica: Replica) => Promise<T | Refusal>): Promise<T | Refusal> {
  const found = engine.find(at)
  if (found instanceof Refusal) return Promise.resolve(found)
  return found instanceof Promise ? found.then(opened => (opened instanceof Refusal ? opened : ask(opened))) : ask(found)
}

/**
 * Appends once, whatever happens to leaders meanwhile. Where a leadership ended before the answer, the next leader's log says what became of the batch: within
 * one epoch two logs that reach an offset have the same records there (KIP-101), so an epoch that reaches behind the batch holds it.
 */
export async function appendOnce(engine: Engine, at: PartitionRef, batch: Batch, how: AppendOptions): Promise<Appended | Refusal> {
  const { clock } = engine.world
  const deadlineMs = clock.monotonic() + Math.min(how.timeoutMs, patienceMs)
  const leftMs = (): number => Math.max(0, deadlineMs - clock.monotonic())
  for (;;) {
    const answer = await patiently(engine, () => atLeader(engine, at, replica => replica.append(batch, how)), leftMs())
    if (!(answer instanceof OutcomeUnknown) || how.acks !== 'all') return answer
    const fate = await patiently(engine, () => atLeader(engine, at, async (replica): Promise<'kept' | 'gone' | Refusal> => {
      const end = replica.endOfEpoch(answer.leaderEpoch, undefined)
      if (end instanceof Refusal) return end
      if (end.leaderEpoch !== answer.leaderEpoch || end.endOffset < answer.endOffset) return 'gone'
      const { leadership } = replica
      if (leadership === undefined) return new Refusal('not-leader', `${replica.name} has lost its leader`)
      const committed = await leadership.committed(answer.endOffset)
      return committed === null ? 'kept' : committed instanceof OutcomeUnknown ? new Refusal('not-leader', committed.message) : committed
    }), leftMs())
    if (fate === 'kept') return answer.appended
    if (fate instanceof Refusal) return fate
    if (leftMs() === 0) return new Refusal('request-timed-out', `${at.topic}-${at.partition} did not acknowledge within ${how.timeoutMs} ms`)
  }
}
