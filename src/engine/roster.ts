// Which brokers this process has besides those of its settings, and which of those it has no more: what was added and removed while it ran, kept in a small file
// beside the brokers' directories.
import type { World } from '../world/world.ts'
import { ensureDirectory, usable } from './directory.ts'
import type { BrokerSpec } from './opening.ts'
import { GenerationFile } from './sealed/generation-file.ts'

interface Stored {
  readonly version: 1
  readonly added: readonly Pick<BrokerSpec, 'id' | 'rack' | 'directories'>[]
  readonly removed: readonly number[]
}

export class Roster {
  readonly #file: GenerationFile
  #stored: Stored

  private constructor(file: GenerationFile, stored: Stored) {
    this.#file = file
    this.#stored = stored
  }

  /** In `directory`, which is made if need be. */
  static async open({ disk }: World, directory: string): Promise<Roster> {
    const { file, found } = await usable(directory, async () => {
      await ensureDirectory(disk, directory)
      return GenerationFile.open(disk, directory, 'brokers')
    })
    return new Roster(file, found === undefined ? { version: 1, added: [], removed: [] } : JSON.parse(found.payload.toString()) as Stored)
  }

  /** The brokers of the settings, without those that were removed, and those that were added. By id. */
  members(fromSettings: readonly BrokerSpec[]): BrokerSpec[] {
    const { added, removed } = this.#stored
    const kept = fromSettings.filter(({ id }) => !removed.includes(id) && !added.some(one => one.id === id))
    return [...kept, ...added].toSorted((a, b) => a.id - b.id)
  }

  /** Durable when it resolves. */
  add({ id, rack, directories }: BrokerSpec): Promise<void> {
    const { added, removed } = this.#stored
    return this.#write({ version: 1, added: [...added.filter(one => one.id !== id), { id, rack, directories }], removed: removed.filter(one => one !== id) })
  }

  /** Durable when it resolves. */
  remove(id: number): Promise<void> {
    const { added, removed } = this.#stored
    return this.#write({ version: 1, added: added.filter(one => one.id !== id), removed: [...new Set([...removed, id])] })
  }

  async #write(stored: Stored): Promise<void> {
    this.#stored = stored
    await this.#file.write(() => Buffer.from(JSON.stringify(this.#stored)))
  }
}
