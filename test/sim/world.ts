// A world that is a function of its seed: simulated time, a disk that can lose power, and chance that repeats itself.
import { Prng } from '../../src/base/prng.ts'
import type { Clock, Logger, Network, Random, World } from '../../src/world/world.ts'
import { SimClock } from './clock.ts'
import { type DiskOperation, SimDisk } from './disk.ts'

export interface SimWorldOptions {
  /** Continue on this disk, as after a restart. */
  readonly disk?: SimDisk
  /** Disk operations take (simulated) time; default true. */
  readonly disksTakeTime?: boolean
}

export class SimWorld implements World {
  readonly clock: SimClock
  readonly disk: SimDisk
  readonly random: SimRandom
  readonly network: Network = { listen: () => Promise.reject(new Error('this world has no network')) }

  constructor(seed: number, options: SimWorldOptions = {}) {
    const prng = new Prng(seed)
    this.clock = new SimClock()
    this.random = new SimRandom(prng.fork())
    const delay = options.disksTakeTime === false ? undefined : delays(this.clock, prng.fork())
    this.disk = options.disk ?? new SimDisk(delay && { delay })
  }

  /** Lets events happen until the task is done. */
  run<T>(task: () => Promise<T>): Promise<T> {
    return this.clock.run(task())
  }
}

export class SimRandom implements Random {
  readonly #prng: Prng

  constructor(prng: Prng) {
    this.#prng = prng
  }

  bytes(count: number): Buffer {
    return this.#prng.bytes(count)
  }

  uuid(): string {
    const bytes = this.bytes(16)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }
}

/** Operations take from 10 µs to some milliseconds, syncs the longest. */
export function delays(clock: Pick<Clock, 'after'>, prng: Prng): (operation: DiskOperation) => Promise<void> {
  return operation => {
    const ms = operation === 'sync' || operation === 'sync-directory' ? 0.2 + prng.float() * 3 : 0.01 + prng.float() * 0.3
    return new Promise(resolve => clock.after(ms, resolve))
  }
}

/** A logger that says nothing. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
