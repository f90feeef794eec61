// Who is subscribed to which shard as which consumer: one at a time. A second call takes the place of the first, unless that is younger than five seconds. Subscriptions to one
// shard share its feed.
import type { Services } from '../context.ts'
import { AwsError, texts } from '../errors.ts'
import { shardIdOf } from '../shard-map.ts'
import { factsOf } from '../stream-facts.ts'
import { type FeedServices, ShardFeed, type ShardPlace } from './shard-feed.ts'
import { Subscription, type SubscriptionOptions } from './subscription.ts'

const youngMs = 5_000

/** A shard for a consumer. */
export interface SubscriptionPlace extends ShardPlace {
  readonly consumer: string
  readonly createdAtMs: number
}

type FanOutServices = FeedServices & Pick<Services, 'limits' | 'metrics'>

export class FanOut {
  readonly #services: FanOutServices
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #feeds = new Map<string, { readonly feed: ShardFeed; readonly topicId: string; users: number }>()

  constructor(services: FanOutServices) {
    this.#services = services
  }

  /** Subscriptions that are live. */
  get count(): number {
    return this.#subscriptions.size
  }

  /** Null where the place may be taken now. */
  judge(place: SubscriptionPlace): null | AwsError {
    const present = this.#subscriptions.get(keyOf(place))
    const isYoung = present !== undefined && this.#services.clock.monotonic() - present.startedAtMs < youngMs
    return isYoung ? this.#anotherExists(place) : null
  }

  /** Takes the place, if need be from whoever has it. What is given is to be asked for its messages. */
  subscribe(place: SubscriptionPlace, options: Pick<SubscriptionOptions, 'offset' | 'codec' | 'judge'>): Subscription | AwsError {
    const { metrics } = this.#services
    const { stream, consumer } = place
    const refused = this.judge(place)
    if (refused !== null) {
      metrics.subscribed(stream, consumer, 'rate exceeded')
      return refused
    }
    const key = keyOf(place)
    this.#subscriptions.get(key)?.fail(this.#anotherExists(place))
    const { feed, release } = this.#use(place)
    const subscription = new Subscription({
      ...options,
      feed,
      published: event => metrics.published({ stream, monitoring: factsOf({ id: place.topicId }, this.#services).monitoring }, consumer, shardIdOf(place.shardIndex), event),
      release: () => {
        if (this.#subscriptions.get(key) === subscription) this.#subscriptions.delete(key)
        release()
      },
    }, this.#services)
    this.#subscriptions.set(key, subscription)
    metrics.subscribed(stream, consumer, 'success')
    return subscription
  }

  /** Something of the stream has changed besides its records: subscriptions to it look again at once, not within seconds. */
  look(topicId: string): void {
    for (const one of this.#feeds.values()) if (one.topicId === topicId) one.feed.look()
  }

  #use(place: ShardPlace): { feed: ShardFeed; release: () => void } {
    const key = `${place.topicId}/${place.shardIndex}`
    const used = this.#feeds.get(key) ?? { feed: new ShardFeed(place, this.#services), topicId: place.topicId, users: 0 }
    this.#feeds.set(key, used)
    used.users++
    return { feed: used.feed, release: () => { if (--used.users === 0) this.#feeds.delete(key) } }
  }

  #anotherExists({ stream, shardIndex, consumer }: SubscriptionPlace): AwsError {
    return new AwsError('ResourceInUseException', texts.anotherSubscription({ stream, shardId: shardIdOf(shardIndex), consumer }, this.#services))
  }
}

function keyOf({ topicId, shardIndex, consumer, createdAtMs }: SubscriptionPlace): string {
  return `${topicId}/${shardIndex}/${consumer}/${createdAtMs}`
}
