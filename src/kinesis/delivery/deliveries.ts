// All channels at work: each is taken up when it is made, and when the server starts. Where they deliver to is a directory of this machine, in place of S3.
import type { Disk, Logger, Timer } from '../../world/world.ts'
import { clearAway } from '../channel-changes.ts'
import { allChannels, type Channel, leavingChannels } from '../channels.ts'
import type { Services } from '../context.ts'
import { Gate } from '../gate.ts'
import { Delivery } from './delivery.ts'
import { DeliveryLog } from './delivery-log.ts'
import { Buckets } from './objects.ts'

export interface ChannelsPlace {
  readonly disk: Disk
  /** Each bucket is a directory in it. */
  readonly directory: string
  /** About how large the file of an object gets; 64 MiB unless given. */
  readonly objectBytesMax?: number
}

/** What channels hold in memory is thereby bounded: a page of records each, as it is and compressed. */
const atOnceMax = 2
const objectBytesDefault = 64 * 1_048_576
const waitingMax = 10_000

export class Deliveries implements Disposable {
  /** Undefined where no directory is set: then there are no channels. */
  readonly buckets: Buckets | undefined
  readonly #log: DeliveryLog | undefined
  readonly #objectBytesMax: number
  readonly #logger: Logger
  readonly #gate = new Gate({ runningMax: atOnceMax, waitingMax })
  readonly #running = new Map<string, Delivery>()
  /** Of channels that are to be deleted, by their ids. */
  readonly #leaving = new Map<string, Timer>()
  #services: Services | undefined

  constructor(place: ChannelsPlace | undefined, logger: Logger) {
    this.buckets = place && new Buckets(place)
    this.#log = place && new DeliveryLog(place)
    this.#objectBytesMax = place?.objectBytesMax ?? objectBytesDefault
    this.#logger = logger
  }

  /** Takes up every channel there is. */
  begin(services: Services): void {
    this.#services = services
    for (const channel of leavingChannels(services)) this.clearWhenGone(channel)
    const channels = allChannels(services)
    if (this.buckets === undefined && channels.length > 0) {
      this.#logger.warn({ channels: channels.slice(0, 10).map(({ name }) => name), count: channels.length }, 'channels do not deliver: kinesis.channels.directory names no directory')
    }
    for (const channel of channels) this.watch(channel)
  }

  /** Lets the channel deliver. To be asked for once. */
  watch(channel: Channel): void {
    const [services, buckets, log] = [this.#services, this.buckets, this.#log]
    if (services === undefined || buckets === undefined || log === undefined) return
    this.#running.set(channel.id, new Delivery(channel, {
      services, buckets, log, gate: this.#gate, objectBytesMax: this.#objectBytesMax, logger: this.#logger, ended: () => void this.#running.delete(channel.id),
    }))
  }

  /** Removes the documents of a channel that is to be deleted once its time has come. */
  clearWhenGone(channel: Channel): void {
    const services = this.#services
    if (services === undefined) return
    const task = (): void => {
      this.#leaving.delete(channel.id)
      void clearAway(channel, services)
    }
    this.#leaving.set(channel.id, services.clock.after(Math.max((channel.transition?.untilMs ?? 0) - services.clock.now(), 0), task))
  }

  [Symbol.dispose](): void {
    for (const timer of this.#leaving.values()) timer.cancel()
    this.#leaving.clear()
    for (const delivery of this.#running.values()) delivery[Symbol.dispose]()
    this.#running.clear()
  }
}
