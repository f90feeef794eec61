// All metrics of one kind of origin by their identity, which is CloudWatch's: namespace, name and dimensions. At most so many; what nobody recorded or asked for
// longest goes first.
import { Lru } from '../../base/lru.ts'
import { Series } from './series.ts'

export interface Dimension {
  readonly name: string
  readonly value: string
}

export interface MetricId {
  readonly namespace: string
  readonly name: string
  readonly dimensions: readonly Dimension[]
}

export interface Metric extends MetricId {
  /** 'Count', 'Bytes', 'Milliseconds' … */
  readonly unit: string
  readonly series: Series
}

/** What identities may take together, in characters: each may have thirty dimensions of a kilobyte. */
const charactersMax = 8_388_608

export class MetricStore {
  readonly #byKey: Lru<string, Metric>
  #characters = 0
  readonly #byName = new Map<string, Map<string, Metric>>()
  /** All that ever occurred: CloudWatch knows 27. */
  readonly #units = new Set<string>()

  constructor(metricsMax: number) {
    this.#byKey = new Lru(metricsMax, (key, metric) => this.#forget(key, metric))
  }

  /** The metric of this identity and unit, made where there is none. */
  metric(id: MetricId, unit: string): Metric {
    const key = keyOf(id, unit, dimensionsKey(id))
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const metric: Metric = { ...id, unit, series: new Series() }
    this.#units.add(unit)
    const name = nameOf(id)
    const named = this.#byName.get(name)
    if (named === undefined) this.#byName.set(name, new Map([[key, metric]]))
    else named.set(key, metric)
    this.#byKey.set(key, metric)
    this.#characters += key.length
    while (this.#characters > charactersMax) this.#byKey.evictOldest()
    return metric
  }

  /** Those of exactly these dimensions, in one unit or each that was recorded. Costs the same however many there are of the name. */
  find(id: MetricId, unit: string | undefined): readonly Metric[] {
    const named = this.#byName.get(nameOf(id))
    if (named === undefined) return []
    const dimensions = dimensionsKey(id)
    return (unit === undefined ? [...this.#units] : [unit]).flatMap(one => named.get(keyOf(id, one, dimensions)) ?? [])
  }

  named(namespace: string, name: string): readonly Metric[] {
    return [...this.#byName.get(nameOf({ namespace, name }))?.values() ?? []]
  }

  all(): readonly Metric[] {
    return [...this.#byName.values()].flatMap(named => [...named.values()])
  }

  #forget(key: string, metric: Metric): void {
    const name = nameOf(metric)
    const named = this.#byName.get(name)
    this.#characters -= key.length
    named?.delete(key)
    if (named?.size === 0) this.#byName.delete(name)
    metric.series.forget()
  }
}

const separator = '\u0000'

function nameOf({ namespace, name }: Pick<MetricId, 'namespace' | 'name'>): string {
  return `${namespace}${separator}${name}`
}

function dimensionsKey({ dimensions }: Pick<MetricId, 'dimensions'>): string {
  return dimensions.map(({ name, value }) => `${name}${separator}${value}`).toSorted().join(separator)
}

function keyOf(id: MetricId, unit: string, dimensions: string): string {
  return `${nameOf(id)}${separator}${unit}${separator}${dimensions}`
}
