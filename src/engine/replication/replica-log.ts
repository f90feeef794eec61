// A replica that this broker leads, as a state machine writes it: durable means committed, and the end of the leadership is the end of the log.
import { Refusal } from '../../ports.ts'
import type { Log } from '../log/log.ts'
import type { MachineLog } from '../machine.ts'
import type { Leadership } from './leadership.ts'
import type { Replica } from './replica.ts'

/** `ended` is called when an append finds the leadership at its end; the catalog need not say so, as when the log goes to another directory. */
export function replicaLog(replica: Replica, leadership: Leadership, log: Log, ended: () => void): MachineLog {
  const lost = (): Refusal => new Refusal('not-coordinator', `${replica.name} is led elsewhere`)
  return {
    get startOffset() { return log.startOffset },
    get endOffset() { return log.endOffset },
    append(batch) {
      if (replica.leadership !== leadership) {
        ended()
        return lost()
      }
      // Kafka's clients know what to do when a coordinator is not available; that its replicas are too few is not their concern.
      if (leadership.replicasFault !== undefined) return new Refusal('coordinator-not-available', leadership.replicasFault.message)
      const added = leadership.add(batch)
      if (added instanceof Refusal) return added.code === 'not-leader' ? lost() : added
      const endOffset = added.baseOffset + batch.lastOffsetDelta + 1
      return {
        durable: leadership.committed(endOffset).then(refusal => {
          // What callers are told from then on.
          if (refusal !== null) throw refusal.code === 'not-leader' ? lost() : new Refusal('coordinator-not-available', refusal.message)
        }),
      }
    },
    read: (from, bytesMax) => log.read(from, { bytesMax, atLeastOne: true, upTo: log.endOffset }),
    deleteBefore: offset => log.deleteBefore(offset),
  }
}
