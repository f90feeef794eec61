// The proof that the crash-state checks would notice: each test breaks one rule of the log or of its disk and expects to be told.
import { afterEach, expect, test, vi } from 'vitest'
import type { Disk, DiskFile, World } from '../../../src/world/world.ts'
import { crashStates } from '../../sim/crash-states.ts'

const rules = vi.hoisted(() => ({ checkCrc: true, stopAtGap: true, remembersCut: true }))

vi.mock('../../../src/engine/sealed/frame.ts', async importOriginal => {
  const frame = await importOriginal<typeof import('../../../src/engine/sealed/frame.ts')>()
  return { ...frame, crcIsValid: (bytes: Buffer) => !rules.checkCrc || frame.crcIsValid(bytes) }
})

vi.mock('../../../src/engine/log/scan.ts', async importOriginal => {
  const scan = await importOriginal<typeof import('../../../src/engine/log/scan.ts')>()
  return {
    ...scan,
    // Takes whatever frame comes next, as if nothing had been between.
    async scanSegment(options: Parameters<typeof scan.scanSegment>[0]) {
      const found = await scan.scanSegment(options)
      return rules.stopAtGap || found.fault === undefined ? found : { ...found, end: options.size, fault: undefined }
    },
  }
})

vi.mock('../../../src/engine/log/cut.ts', async importOriginal => {
  const cutting = await importOriginal<typeof import('../../../src/engine/log/cut.ts')>()
  return {
    ...cutting,
    // Forgets that there is something to cut before it has been cut.
    async finishCut(...[disk, directory, state]: Parameters<typeof cutting.finishCut>) {
      const { cut, startOffset, durableOffset, highWatermark } = state
      if (!rules.remembersCut && cut) await state.replace({ startOffset, durableOffset, highWatermark, cut: undefined })
      const known = { startOffset, durableOffset, highWatermark, cut, replace: state.replace.bind(state) }
      await cutting.finishCut(disk, directory, known as typeof state)
    },
  }
})

afterEach(() => Object.assign(rules, { checkCrc: true, stopAtGap: true, remembersCut: true }))

/** The first violations that any of some seeds finds. */
async function violations(tamper?: (world: World) => World): Promise<readonly string[]> {
  for (let seed = 101; seed < 160; seed++) {
    const { violations: found } = await crashStates({ seed, statesMax: 120, ...(tamper && { tamper }) })
    if (found.length > 0) return found
  }
  return []
}

test('the checks notice a disk that reports a sync it has not done', async () => {
  const found = await violations(world => withFiles(world, file => ({ ...file, sync: async () => {}, writeDurably: file.write })))
  expect(found.length).toBeGreaterThan(0)
})

test('the checks notice directories that are never synced', async () => {
  const found = await violations(world => ({ ...world, disk: bound(world.disk, { syncDirectory: async () => {} }) }))
  expect(found.length).toBeGreaterThan(0)
})

test('the checks notice a recovery that does not look at the CRC', async () => {
  rules.checkCrc = false
  expect((await violations()).length).toBeGreaterThan(0)
})

test('the checks notice a recovery that goes on behind a gap', async () => {
  rules.stopAtGap = false
  expect((await violations()).length).toBeGreaterThan(0)
})

test('the checks notice a cut that is forgotten before it has been made', async () => {
  rules.remembersCut = false
  expect((await violations()).length).toBeGreaterThan(0)
})

test('the checks notice that what is left of a frame is not durable when the cut is decided', async () => {
  const open = (world: World): Disk['open'] => async (path, how) => {
    const file = await world.disk.open(path, how)
    return path.endsWith('.new') ? { ...file, sync: async () => {} } : file
  }
  const found = await violations(world => ({ ...world, disk: bound(world.disk, { open: open(world) }) }))
  expect(found.length).toBeGreaterThan(0)
})

test('the checks notice a disk that writes other bytes than it was given', async () => {
  const found = await violations(world => withFiles(world, file => {
    const garbled = (buffers: readonly Uint8Array[]) => buffers.map((buffer, index) => (index === 1 ? new Uint8Array(buffer.length) : buffer))
    return { ...file, write: (position, buffers) => file.write(position, garbled(buffers)), writeDurably: (position, buffers) => file.writeDurably(position, garbled(buffers)) }
  }))
  expect(found.length).toBeGreaterThan(0)
})

function withFiles(world: World, change: (file: DiskFile) => DiskFile): World {
  const open: Disk['open'] = async (path, how) => change(await world.disk.open(path, how))
  return { ...world, disk: bound(world.disk, { open }) }
}

/** The disk with some of its methods replaced. */
function bound(disk: Disk, changes: Partial<Disk>): Disk {
  return new Proxy(disk, {
    get(target, name) {
      const own = changes[name as keyof Disk] ?? Reflect.get(target, name, target)
      return typeof own === 'function' ? (own as (...given: unknown[]) => unknown).bind(target) : own
    },
  })
}
