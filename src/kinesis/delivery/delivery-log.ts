// What a channel logs where its LoggingConfiguration says so, in place of CloudWatch Logs: a line of JSON for each object and each trouble, in the file of its log group and
// log stream below LOGS in the channels' directory. Names and numbers only, never records.
import { createHash } from 'node:crypto'
import type { Disk } from '../../world/world.ts'

export interface DeliveryEvent {
  readonly level: 'INFO' | 'ERROR'
  readonly event: 'object-delivered' | 'records-failed' | 'delivery-failed'
  readonly message: string
  readonly key?: string
  readonly records?: number
  readonly bytes?: number
}

export interface LogPlace {
  readonly group: string
  readonly stream: string
}

/** No bucket has capitals in its name. */
const directoryName = 'LOGS'
/** What file systems take as one name, less '.log'. */
const nameCharactersMax = 251
const digestCharacters = 32

export class DeliveryLog {
  readonly #disk: Disk
  readonly #directory: string
  /** Settles with the line asked for last; never rejects. */
  #turn: Promise<void> = Promise.resolve()

  constructor({ disk, directory }: { disk: Disk; directory: string }) {
    this.#disk = disk
    this.#directory = `${directory}/${directoryName}`
  }

  /** Lines come in the order of the calls. Rejects where the line could not be written. */
  write(place: LogPlace, channel: string, event: DeliveryEvent, nowMs: number): Promise<void> {
    const line = Buffer.from(`${JSON.stringify({ timestamp: new Date(nowMs).toISOString(), channel, ...event })}\n`)
    const written = this.#turn.then(() => this.#append(place, line))
    this.#turn = written.catch(() => {})
    return written
  }

  async #append({ group, stream }: LogPlace, line: Buffer): Promise<void> {
    const directory = [this.#directory, ...group.split('/').filter(name => name !== '').map(fileName)].join('/')
    await this.#disk.makeDirectory(directory)
    const path = `${directory}/${fileName(stream)}.log`
    await using file = await this.#disk.open(path, await this.#disk.exists(path) ? 'write' : 'create')
    await file.write(await file.size(), [line])
  }
}

/** One name of a path, whatever characters it is made of. A long one ends in a digest instead. */
function fileName(text: string): string {
  const name = encodeURIComponent(text.toWellFormed()).replace(/^\.+$/, dots => '%2E'.repeat(dots.length))
  if (name.length <= nameCharactersMax) return name
  return `${name.slice(0, nameCharactersMax - digestCharacters)}${createHash('sha256').update(name).digest('hex').slice(0, digestCharacters)}`
}
