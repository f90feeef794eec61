// Waiting out a change of leaders on behalf of callers that know of no leaders: REST, Kinesis, the registry. What may be asked again is asked again; what may have
// been done already is looked up first, so that nothing is done twice.
import type { Engine } from '../engine/engine.ts'
import { OutcomeUnknown } from '../engine/replication/leadership.ts'
import type { Replica } from '../engine/replication/replica.ts'
import { type Appended, type AppendOptions, type PartitionRef, Refusal, type RefusalCode } from '../ports.ts'
import { Batch } from '../wire/batch.ts'

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
 * one epoch two logs that reach an offset have the same records there (KIP-101), so an epoch that reaches behind the batch holds it. A leader that lacks it may
 * be followed by one that has it, so each is asked about every attempt before it is given another.
 */
export async function appendOnce(engine: Engine, at: PartitionRef, batch: Batch, how: AppendOptions): Promise<Appended | Refusal> {
  const { clock } = engine.world
  const startedMs = clock.monotonic()
  const leftOf = (ms: number): number => Math.max(0, startedMs + ms - clock.monotonic())
  const attempts: OutcomeUnknown[] = []
  const attempt = (replica: Replica): Promise<Appended | Refusal> => {
    const timeoutMs = leftOf(how.timeoutMs)
    for (const one of attempts) {
      const end = replica.endOfEpoch(one.leaderEpoch, undefined)
      if (end instanceof Refusal) return Promise.resolve(end)
      if (end.leaderEpoch === one.leaderEpoch && end.endOffset >= one.endOffset) return acknowledged(replica, one, timeoutMs)
    }
    // As long as its end is not known, another leader may find an attempt in it.
    if (attempts.length > 0 && replica.owesEnd) return Promise.resolve(new Refusal('leader-not-available', `it is not known yet where ${at.topic}-${at.partition} ends`))
    // A log writes offset and epoch into the bytes that it is given.
    return replica.append(copied(batch), { ...how, timeoutMs })
  }
  for (;;) {
    const leftMs = leftOf(Math.min(how.timeoutMs, patienceMs))
    if (attempts.length > 0 && leftMs === 0) return timedOut(at, how)
    const answer = await patiently(engine, () => atLeader(engine, at, attempt), leftMs)
    if (!(answer instanceof OutcomeUnknown)) return attempts.length > 0 && answer instanceof Refusal ? openAnswer(answer, at, how) : answer
    if (how.acks !== 'all') return answer
    attempts.push(answer)
  }
}

/** Waits until what another leader was given is committed under this one. Where this one's leadership ends, too, the next is to be asked. */
async function acknowledged(replica: Replica, { appended, endOffset }: OutcomeUnknown, timeoutMs: number): Promise<Appended | Refusal> {
  const answer = await replica.leadership!.acknowledged(appended, endOffset, timeoutMs)
  return answer instanceof OutcomeUnknown ? new Refusal('not-leader', answer.message) : answer
}

/** Why a batch is not appended again, of which it is not known what became of earlier attempts; only a closed partition can tell that they came to nothing. */
function openAnswer(answer: Refusal, at: PartitionRef, how: AppendOptions): Refusal {
  if (passing.has(answer.code)) return timedOut(at, how)
  return answer.code === 'not-enough-replicas' ? new Refusal('not-enough-replicas-after-append', answer.message) : answer
}

function timedOut({ topic, partition }: PartitionRef, { timeoutMs }: AppendOptions): Refusal {
  return new Refusal('request-timed-out', `${topic}-${partition} did not acknowledge within ${Math.min(timeoutMs, patienceMs)} ms`)
}

function copied({ bytes }: Batch): Batch {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return Batch.parse(copy)
}
