// Work on untrusted schemas and payloads that may take long, done beside the event loop: a few worker threads with bounds on time and memory. What takes more is
// stopped, whatever it is doing, and refused; the loop never waits. Threads start when the first job comes and go with the process.
import { Worker } from 'node:worker_threads'
import type { JobInput, JobName, JobOutput } from './jobs.ts'

export interface WorkshopOptions {
  readonly threads?: number
  /** Of one job, from when a worker takes it. */
  readonly timeoutMs?: number
  /** Of JavaScript's heap, per thread. */
  readonly heapMegabytesMax?: number
  /** Jobs that wait for a worker; more are refused at once. */
  readonly waitingMax?: number
}

/** Why a job was not done. */
export class TooMuch {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

interface Task {
  readonly name: JobName
  readonly input: unknown
  readonly done: (outcome: unknown) => void
}

export class Workshop implements AsyncDisposable {
  readonly #benches: Bench[]
  readonly #waiting: Task[] = []
  readonly #waitingMax: number
  #isClosed = false

  constructor({ threads = 1, timeoutMs = 2_000, heapMegabytesMax = 192, waitingMax = 256 }: WorkshopOptions = {}) {
    this.#benches = Array.from({ length: threads }, () => new Bench({ timeoutMs, heapMegabytesMax, freed: () => this.#next() }))
    this.#waitingMax = waitingMax
  }

  /** What the job answers, or why it was not done: it took too long or too much memory, or too many wait already. Never rejects but for bugs of a job. */
  async run<N extends JobName>(name: N, input: JobInput<N>): Promise<JobOutput<N> | TooMuch> {
    if (this.#isClosed) return new TooMuch('the server is going down')
    if (this.#waiting.length >= this.#waitingMax) return new TooMuch(`${this.#waitingMax} others wait to be worked on`)
    const { promise, resolve, reject } = Promise.withResolvers<JobOutput<N> | TooMuch>()
    this.#waiting.push({ name, input, done: outcome => (outcome instanceof Error ? reject(outcome) : resolve(outcome as JobOutput<N> | TooMuch)) })
    this.#next()
    return promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    for (const task of this.#waiting.splice(0)) task.done(new TooMuch('the server is going down'))
    await Promise.all(this.#benches.map(bench => bench.close()))
  }

  #next(): void {
    for (const bench of this.#benches) {
      if (bench.isBusy) continue
      const task = this.#waiting.shift()
      if (task === undefined) return
      bench.take(task)
    }
  }
}

/** Loading the modules; a machine that needs longer has other troubles. */
const startTimeoutMs = 60_000

/** The place of one worker: a thread, which is replaced where it had to be stopped. */
class Bench {
  readonly #options: { readonly timeoutMs: number; readonly heapMegabytesMax: number; readonly freed: () => void }
  #worker: Worker | undefined
  #isReady = false
  #task: Task | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: { timeoutMs: number; heapMegabytesMax: number; freed: () => void }) {
    this.#options = options
  }

  get isBusy(): boolean {
    return this.#task !== undefined
  }

  take(task: Task): void {
    this.#task = task
    this.#worker ??= this.#start()
    // Only work keeps the process alive.
    this.#worker.ref()
    if (this.#isReady) this.#post()
    else this.#stopAfter(startTimeoutMs)
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#finish(new TooMuch('the server is going down'))
    this.#worker = undefined
    await worker?.terminate()
  }

  #start(): Worker {
    const { heapMegabytesMax } = this.#options
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      // Nothing of this process's environment or flags is any business of what runs there.
      env: {}, execArgv: [], stdout: false, stderr: false,
      // A stack a little smaller than the main thread's: what goes here goes there too.
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax, maxYoungGenerationSizeMb: 32, stackSizeMb: 1.1 },
    })
    this.#isReady = false
    worker.on('message', (message: { ready: true } | { output: unknown }) => {
      if (worker !== this.#worker) return
      if ('ready' in message) {
        this.#isReady = true
        if (this.#task !== undefined) this.#post()
      } else this.#finish(message.output)
    })
    worker.on('error', error => {
      if (worker !== this.#worker) return
      this.#worker = undefined
      const isMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
      this.#finish(isMemory ? new TooMuch(`takes more than ${heapMegabytesMax} MB of memory`) : error)
    })
    worker.on('exit', () => {
      if (worker !== this.#worker) return
      this.#worker = undefined
      this.#finish(new Error('a worker of the workshop ended'))
    })
    return worker
  }

  #post(): void {
    this.#stopAfter(this.#options.timeoutMs)
    const { name, input } = this.#task!
    this.#worker!.postMessage({ name, input })
  }

  #stopAfter(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      const worker = this.#worker
      this.#worker = undefined
      void worker?.terminate()
      this.#finish(new TooMuch(`takes longer than ${this.#options.timeoutMs} ms`))
    }, ms)
  }

  #finish(outcome: unknown): void {
    clearTimeout(this.#timer)
    this.#worker?.unref()
    const task = this.#task
    if (task === undefined) return
    this.#task = undefined
    task.done(outcome)
    this.#options.freed()
  }
}
