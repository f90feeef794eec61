// Streams that show DELETING until their time comes: then the topic goes, with its records and everything kept about it. What was condemned before a restart is taken up
// again, since a condemned stream is never ACTIVE again; a closing server leaves the rest to the next start.
import { Refusal } from '../ports.ts'
import type { Logger, Timer } from '../world/world.ts'
import type { Services } from './context.ts'
import { factsOf } from './stream-facts.ts'

/** After a deletion that failed. */
const retryMs = 5_000

export class Deletions implements Disposable {
  readonly #services: Pick<Services, 'admin' | 'clock' | 'documents'>
  readonly #logger: Logger
  readonly #timers = new Map<string, Timer>()
  #closed = false

  constructor(services: Pick<Services, 'admin' | 'clock' | 'documents'>, logger: Logger) {
    this.#services = services
    this.#logger = logger
    for (const { key: topicId } of services.documents.all('kinesis-stream')) this.watch(topicId)
  }

  /** Deletes the stream when its DELETING is over; does nothing for a stream that shows something else. */
  watch(topicId: string): void {
    const { transition } = factsOf({ id: topicId }, this.#services)
    if (transition?.status === 'DELETING') this.#at(transition.untilMs, topicId)
  }

  [Symbol.dispose](): void {
    this.#closed = true
    for (const timer of this.#timers.values()) timer.cancel()
  }

  #at(ms: number, topicId: string): void {
    if (this.#closed) return
    this.#timers.get(topicId)?.cancel()
    this.#timers.set(topicId, this.#services.clock.after(Math.max(ms - this.#services.clock.now(), 0), () => void this.#delete(topicId)))
  }

  async #delete(topicId: string): Promise<void> {
    this.#timers.delete(topicId)
    const { admin, clock } = this.#services
    try {
      const topic = await admin.topicById(topicId)
      // Somebody else was quicker.
      if (topic === undefined) return
      const deleted = await admin.deleteTopic(topic.name)
      if (!(deleted instanceof Refusal) || deleted.code === 'unknown-topic') return
      this.#logger.warn({ stream: topic.name, reason: deleted.message }, 'a stream could not be deleted yet')
    } catch (error) {
      if (this.#closed) return
      this.#logger.error({ topicId, err: error }, 'a stream could not be deleted yet')
    }
    this.#at(clock.now() + retryMs, topicId)
  }
}
