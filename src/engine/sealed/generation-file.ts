// A small file that changes as a whole and survives a crash at any moment: each change is a new generation under a name of its own,
// written aside, synced, renamed into place; the one before it is kept. Whoever reads takes the highest generation that is intact.
//
//   magic 4 | version 1 | reserved 3 | generation u64 | payload … | crc32c u32 over all before it
import { crc32c } from '@node-rs/crc32'
import type { Disk } from '../../world/world.ts'
import { Damaged } from './errors.ts'

const magic = 0x534c4746
const headerBytes = 16
const trailerBytes = 4
const generationDigits = 12

export interface Generation {
  readonly generation: number
  readonly payload: Buffer
}

export class GenerationFile {
  readonly #disk: Disk
  readonly #directory: string
  readonly #name: string
  #generation: number
  /** One change at a time: each waits for the one before it. */
  #queue: Promise<void> = Promise.resolve()

  private constructor(disk: Disk, directory: string, name: string, generation: number) {
    this.#disk = disk
    this.#directory = directory
    this.#name = name
    this.#generation = generation
  }

  /** Finds the newest intact generation of `name` in `directory`; `found` is undefined where there is none at all. Damaged where there is none intact. */
  static async open(disk: Disk, directory: string, name: string): Promise<{ file: GenerationFile; found: Generation | undefined }> {
    const generations = generationsOf(name, await disk.list(directory)).reverse()
    let newestSeen = 0
    for (const generation of generations) {
      newestSeen = Math.max(newestSeen, generation)
      const payload = await readGeneration(disk, `${directory}/${fileName(name, generation)}`, generation)
      if (!payload) continue
      // A process that was killed may have renamed it and not synced the name; whoever acts on it must not see it go away again.
      await disk.syncDirectory(directory)
      return { file: new GenerationFile(disk, directory, name, newestSeen), found: { generation, payload } }
    }
    if (generations.length > 0) throw new Damaged(`no intact generation of ${directory}/${name} (found ${generations.join(', ')})`)
    return { file: new GenerationFile(disk, directory, name, 0), found: undefined }
  }

  /** One whose first change takes the place of all that there is, intact or not. */
  static async anew(disk: Disk, directory: string, name: string): Promise<GenerationFile> {
    return new GenerationFile(disk, directory, name, generationsOf(name, await disk.list(directory)).at(-1) ?? 0)
  }

  /** Every generation there is, oldest first. */
  static async paths(disk: Disk, directory: string, name: string): Promise<string[]> {
    return generationsOf(name, await disk.list(directory)).map(generation => `${directory}/${fileName(name, generation)}`)
  }

  /**
   * Makes `payload` the newest generation; durable when it resolves. `keepPrevious: false` also removes every older one, durably.
   * `payload` may be a function, asked when its turn has come.
   */
  write(payload: Buffer | (() => Buffer), how: { readonly keepPrevious: boolean } = { keepPrevious: true }): Promise<void> {
    const turn = this.#queue.then(() => this.#write(typeof payload === 'function' ? payload() : payload, how.keepPrevious))
    this.#queue = turn.catch(() => {})
    return turn
  }

  async #write(payload: Buffer, keepPrevious: boolean): Promise<void> {
    const disk = this.#disk
    const generation = this.#generation + 1
    const path = `${this.#directory}/${fileName(this.#name, generation)}`
    const aside = `${path}.tmp`
    if (await disk.exists(aside)) await disk.remove(aside)
    await writeWhole(disk, aside, encode(generation, payload))
    await disk.rename(aside, path)
    await disk.syncDirectory(this.#directory)
    this.#generation = generation
    const older = generationsOf(this.#name, await disk.list(this.#directory)).filter(other => other < generation)
    const surplus = keepPrevious ? older.slice(0, -1) : older
    for (const other of surplus) await disk.remove(`${this.#directory}/${fileName(this.#name, other)}`)
    if (!keepPrevious && surplus.length > 0) await disk.syncDirectory(this.#directory)
  }
}

async function writeWhole(disk: Disk, path: string, bytes: Buffer): Promise<void> {
  await using file = await disk.open(path, 'create')
  await file.write(0, [bytes])
  await file.sync()
}

async function readGeneration(disk: Disk, path: string, generation: number): Promise<Buffer | undefined> {
  await using file = await disk.open(path, 'read')
  const bytes = await file.read(0, await file.size())
  const end = bytes.length - trailerBytes
  if (end < headerBytes || bytes.readUInt32BE(0) !== magic || bytes[4] !== 1) return undefined
  if (crc32c(bytes.subarray(0, end)) !== bytes.readUInt32BE(end) || Number(bytes.readBigUInt64BE(8)) !== generation) return undefined
  return bytes.subarray(headerBytes, end)
}

function encode(generation: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(headerBytes + payload.length + trailerBytes)
  bytes.writeUInt32BE(magic, 0)
  bytes[4] = 1
  bytes.writeBigUInt64BE(BigInt(generation), 8)
  payload.copy(bytes, headerBytes)
  const end = headerBytes + payload.length
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, end)), end)
  return bytes
}

function fileName(name: string, generation: number): string {
  return `${name}.${String(generation).padStart(generationDigits, '0')}`
}

function generationsOf(name: string, files: readonly string[]): number[] {
  const prefix = `${name}.`
  return files
    .filter(file => file.startsWith(prefix) && /^\d+$/.test(file.slice(prefix.length)) && file.length === prefix.length + generationDigits)
    .map(file => Number(file.slice(prefix.length)))
    .sort((a, b) => a - b)
}
