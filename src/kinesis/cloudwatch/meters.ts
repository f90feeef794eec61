// The metrics of one thing (a stream, a shard, a consumer) at hand for whoever feeds them: on the path of every put and get, so that a sample costs a look into a small
// map. Each minute a metric is asked for anew, which tells the store that it is in use.
import type { Dimension, MetricStore } from './metric-store.ts'
import { type Series, minuteMs } from './series.ts'

interface Held {
  readonly minute: number
  readonly series: Series
}

export class Meters<Name extends string> {
  readonly #store: MetricStore
  readonly #namespace: string
  readonly #units: Readonly<Record<Name, string>>
  readonly #dimensions: readonly Dimension[]
  readonly #held = new Map<Name, Held>()

  constructor(store: MetricStore, of: { readonly namespace: string; readonly units: Readonly<Record<Name, string>>; readonly dimensions: readonly Dimension[] }) {
    this.#store = store
    this.#namespace = of.namespace
    this.#units = of.units
    this.#dimensions = of.dimensions
  }

  add(name: Name, value: number, nowMs: number): void {
    const minute = Math.floor(nowMs / minuteMs)
    let held = this.#held.get(name)
    if (held?.minute !== minute) {
      held = { minute, series: this.#store.metric({ namespace: this.#namespace, name, dimensions: this.#dimensions }, this.#units[name]).series }
      this.#held.set(name, held)
    }
    held.series.add(value, nowMs)
  }
}
