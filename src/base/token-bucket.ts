// A token bucket: holds at most one second's worth, fills as time goes by, and may be drawn below zero. And a meter of what went by within the last
// second. Both are told the time (monotonic milliseconds).

export class TokenBucket {
  readonly perSecond: number
  readonly #debtMax: number
  #level: number
  #filledAtMs: number

  /** Full at first. `debtMax`: how far below zero it may be drawn. */
  constructor({ perSecond, debtMax = 0, nowMs }: { readonly perSecond: number; readonly debtMax?: number; readonly nowMs: number }) {
    this.perSecond = perSecond
    this.#debtMax = debtMax
    this.#level = perSecond
    this.#filledAtMs = nowMs
  }

  has(amount: number, nowMs: number): boolean {
    this.#fill(nowMs)
    return this.#level >= amount
  }

  /** How long until so much is had, in milliseconds; 0 where it is had now. */
  waitMs(amount: number, nowMs: number): number {
    this.#fill(nowMs)
    return Math.max(((amount - this.#level) * 1_000) / this.perSecond, 0)
  }

  /** May leave a debt; nothing is had before it is paid. */
  take(amount: number, nowMs: number): void {
    this.#fill(nowMs)
    this.#level = Math.max(this.#level - amount, -this.#debtMax)
  }

  /** Leaves a debt of at least `amount`, whatever there was. */
  owe(amount: number, nowMs: number): void {
    this.#fill(nowMs)
    this.#level = Math.min(this.#level, -amount)
  }

  #fill(nowMs: number): void {
    this.#level = Math.min(this.#level + ((nowMs - this.#filledAtMs) * this.perSecond) / 1_000, this.perSecond)
    this.#filledAtMs = nowMs
  }
}

const slices = 10
const sliceMs = 1_000 / slices

/** What went by within the last second, in ten slices. */
export class SecondMeter {
  readonly #slices = new Float64Array(slices)
  #slice = -1

  add(amount: number, nowMs: number): void {
    this.#turn(nowMs)
    this.#slices[this.#slice % slices]! += amount
  }

  within(nowMs: number): number {
    this.#turn(nowMs)
    return this.#slices.reduce((sum, slice) => sum + slice, 0)
  }

  #turn(nowMs: number): void {
    const slice = Math.floor(nowMs / sliceMs)
    for (let gone = Math.max(this.#slice + 1, slice - slices + 1); gone <= slice; gone++) this.#slices[gone % slices] = 0
    this.#slice = Math.max(this.#slice, slice)
  }
}
