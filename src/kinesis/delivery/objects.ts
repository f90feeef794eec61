// Objects as files: each bucket is a directory of its name, each key a path below it. An object is written under a name that shows it unfinished, as it comes. When nothing
// more is to come it is compressed as a whole, synced and set aside; it is put in its place by a rename, so that whoever looks finds whole objects or none. Putting it there
// may be tried as often as one likes, also by another process. Between two additions nothing of it is in memory.
import { pipeline } from 'node:stream/promises'
import { createGzip, createZstdCompress } from 'node:zlib'
import type { Disk } from '../../world/world.ts'

export type Compression = 'NONE' | 'GZIP' | 'ZSTD'

export const compressedExtension = { NONE: '', GZIP: '.gz', ZSTD: '.zst' } as const satisfies Record<Compression, string>

const compressors = { GZIP: createGzip, ZSTD: createZstdCompress } as const
const pieceBytes = 1_048_576
/** No key has this character: nothing that is delivered is taken for something unfinished. */
const asideMark = '~'

/** The name in a bucket's ARN. */
export function bucketName(bucketArn: string): string {
  return bucketArn.slice(bucketArn.indexOf(':::') + 3)
}

export class Buckets {
  readonly #disk: Disk
  readonly #directory: string

  constructor({ disk, directory }: { disk: Disk; directory: string }) {
    this.#disk = disk
    this.#directory = directory
  }

  pathOf(bucketArn: string): string {
    return `${this.#directory}/${bucketName(bucketArn)}`
  }

  /** Makes the bucket where there is none, and finds out whether anything can be written there. Rejects with the disk's error. */
  async prepare(bucketArn: string, probe: string): Promise<void> {
    const path = await this.#made(bucketArn)
    const file = `${path}/.${probe}${asideMark}probe`
    if (await this.#disk.exists(file)) await this.#disk.remove(file)
    {
      await using probed = await this.#disk.open(file, 'create')
      await probed.write(0, [Buffer.from('.')])
      await probed.sync()
    }
    await this.#disk.remove(file)
  }

  /** Durably. */
  async #made(bucketArn: string): Promise<string> {
    const path = this.pathOf(bucketArn)
    await this.#disk.makeDirectory(path)
    for (const above of [this.#directory, this.#directory.slice(0, this.#directory.lastIndexOf('/')) || '/']) await this.#disk.syncDirectory(above)
    return path
  }

  /**
   * The bucket's directory, which must be there: where its disk is not mounted, nothing may be written in its place, and what is set aside on it is not lost.
   */
  async #found(bucketArn: string): Promise<string> {
    const path = this.pathOf(bucketArn)
    if (!await this.#disk.exists(path)) throw new Error(`bucket ${bucketName(bucketArn)} is gone: there is no directory ${path}; mount its disk, or make it again`)
    return path
  }

  /** A new object, of which nothing shows before it is placed. `owner`: whose it is, of whom each has one draft at a time under a `name`; what was begun under it before goes. */
  async draft(bucketArn: string, { owner, name, compression }: { owner: string; name: string; compression: Compression }): Promise<ObjectDraft> {
    const path = await this.#found(bucketArn)
    const draft = new ObjectDraft(this.#disk, { bucketArn, path, aside: `.${owner}${asideMark}${name}`, compression })
    await draft.begin()
    return draft
  }

  /** The object is there under its key, durably, once this resolves. Nothing happens where it was placed before. */
  async place({ bucketArn, file, key }: ReadyObject): Promise<void> {
    const root = await this.#found(bucketArn)
    const directories = key.split('/').slice(0, -1).reduce((paths, name) => [...paths, `${paths.at(-1)!}/${name}`], [root])
    if (await this.#disk.exists(`${root}/${file}`)) {
      await this.#disk.makeDirectory(directories.at(-1)!)
      // Before it is renamed: it must not be gone from here and lie in a directory that a power cut takes away.
      for (const directory of directories) await this.#disk.syncDirectory(directory)
      await this.#disk.rename(`${root}/${file}`, `${root}/${key}`)
    }
    // Whoever took the object away may have taken its directory, too.
    for (const directory of [directories.at(-1)!, root]) if (await this.#disk.exists(directory)) await this.#disk.syncDirectory(directory)
  }

  /** Removes what `owner` has begun or set aside in a bucket and not placed, but for `wanted`. */
  async clear(bucketArn: string, owner: string, wanted: readonly ReadyObject[]): Promise<void> {
    const path = this.pathOf(bucketArn)
    if (!await this.#disk.exists(path)) return
    const kept = new Set(wanted.filter(one => one.bucketArn === bucketArn).map(({ file }) => file))
    for (const name of await this.#disk.list(path)) if (name.startsWith(`.${owner}${asideMark}`) && !kept.has(name)) await this.#disk.remove(`${path}/${name}`)
  }
}

/** A whole object that is synced and set aside, to be placed. */
export interface ReadyObject {
  readonly bucketArn: string
  /** Its name meanwhile, in the bucket's directory. */
  readonly file: string
  readonly key: string
}

export class ObjectDraft {
  readonly #disk: Disk
  readonly #bucketArn: string
  readonly #root: string
  readonly #aside: string
  readonly #compression: Compression
  #bytes = 0

  constructor(disk: Disk, { bucketArn, path, aside, compression }: { bucketArn: string; path: string; aside: string; compression: Compression }) {
    this.#disk = disk
    this.#bucketArn = bucketArn
    this.#root = path
    this.#aside = aside
    this.#compression = compression
  }

  /** So far, and not compressed. */
  get bytes(): number { return this.#bytes }

  async begin(): Promise<void> {
    await this.discard()
    await using _file = await this.#disk.open(this.#part, 'create')
  }

  async add(bytes: Buffer): Promise<void> {
    await using file = await this.#disk.open(this.#part, 'write')
    await file.write(this.#bytes, [bytes])
    this.#bytes += bytes.length
  }

  /** Nothing more is to come. What it resolves to is durable, and other than any before. `suffix`: as in the key. */
  async ready(key: string, suffix: string): Promise<ReadyObject & { readonly storedBytes: number }> {
    const whole = this.#compression === 'NONE' ? this.#part : await this.#compressed(compressors[this.#compression])
    let storedBytes
    {
      await using file = await this.#disk.open(whole, 'write')
      await file.sync()
      storedBytes = await file.size()
    }
    const file = `${this.#aside}.${suffix}.ready`
    await this.#disk.rename(whole, `${this.#root}/${file}`)
    await this.#disk.syncDirectory(this.#root)
    await this.discard()
    return { bucketArn: this.#bucketArn, file, key, storedBytes }
  }

  /** In one piece: there are readers that stop where a second one begins. */
  async #compressed(compressor: () => ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>): Promise<string> {
    if (await this.#disk.exists(this.#packed)) await this.#disk.remove(this.#packed)
    await using from = await this.#disk.open(this.#part, 'read')
    await using to = await this.#disk.open(this.#packed, 'create')
    const end = this.#bytes
    await pipeline(
      async function* pieces() { for (let at = 0; at < end; at += pieceBytes) yield await from.read(at, Math.min(pieceBytes, end - at)) },
      compressor(),
      async (packed: AsyncIterable<Buffer>) => {
        let position = 0
        for await (const piece of packed) {
          await to.write(position, [piece])
          position += piece.length
        }
      },
    )
    return this.#packed
  }

  /** Nothing of it is left that is not ready. */
  async discard(): Promise<void> {
    for (const path of [this.#part, this.#packed]) if (await this.#disk.exists(path)) await this.#disk.remove(path)
  }

  get #part(): string {
    return `${this.#root}/${this.#aside}.part`
  }

  get #packed(): string {
    return `${this.#part}.packed`
  }
}
