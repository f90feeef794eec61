// The whole engine under power cuts: a seeded mix of administration, commits and appends runs in a simulated world; at random moments the power is cut
// in a random way, a new engine opens what is left, and everything that had been acknowledged must be there.
import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { type AclBinding, type Backend, Refusal, registryTopics } from '../../src/ports.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import type { SimDisk } from '../sim/disk.ts'
import { append, openEngineWorld, valuesOf } from '../support/engine-world.ts'

const seedCount = Number(process.env['TEST_SEEDS'] ?? 12)

/** What a client knows for certain: the catalog's side changes one step at a time, appends run beside it. */
interface Model {
  readonly topics: Map<string, { readonly partitions: number; readonly retentionMs: string | undefined }>
  readonly acls: Set<string>
  readonly accessKeys: Set<string>
  readonly offsets: Map<string, number>
  producerIdsMin: number
}

interface Step {
  readonly name: string
  run(backend: Backend): Promise<unknown>
  change(model: Model): void
}

interface Cut {
  readonly disk: SimDisk
  readonly how: string
  /** As acknowledged, and as it is if the step under way went through as well. */
  readonly before: Model
  readonly after: Model
  readonly acknowledged: ReadonlyMap<string, readonly string[]>
  readonly sent: ReadonlyMap<string, readonly string[]>
}

describe('after a power cut', () => {
  it.each(Array.from({ length: seedCount }, (_, index) => 5000 + index))('everything acknowledged is there (seed %i)', async seed => {
    const prng = new Prng(seed)
    let disk: SimDisk | undefined
    let model = emptyModel()
    let acknowledged = new Map<string, readonly string[]>()
    // A few lives of one data directory: each ends with a cut, and the next begins with what that left.
    for (let life = 0; life < 3; life++) {
      const cuts = await oneLife(prng, seed * 10 + life, disk, model, acknowledged)
      // Verified on copies; the next life goes on from the last image as it is.
      for (const cut of cuts) {
        const found = await verify({ ...cut, disk: cut.disk.kill() }, seed)
        disk = cut.disk
        model = found.model
        acknowledged = found.values
      }
      if (cuts.length === 0) return
    }
  })
})

describe('a topic of the schema registry', () => {
  it.each([...registryTopics])('%s is written by the registry alone, and cannot be cut, changed, grown or deleted', async topic => {
    const { backend: { admin, logs } } = await openEngineWorld({ seed: 1 })
    const made = await admin.createTopic({ name: topic, partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    expect(made).not.toBeInstanceOf(Refusal)
    const at = { topic, partition: 0 }
    const batch = () => buildBatch([{ key: null, value: Buffer.from('{}') }], { timestampMs: 0 })
    expect(await logs.append(at, batch(), { acks: 'all', timeoutMs: 1000 })).toMatchObject({ code: 'invalid-topic' })
    expect(await logs.append(at, batch(), { acks: 'all', timeoutMs: 1000, internal: true })).toMatchObject({ baseOffset: 0 })
    expect(await admin.deleteRecords(at, -1)).toMatchObject({ code: 'policy-violation' })
    const change = [{ name: 'retention.ms', operation: 'set', value: '1' }] as const
    expect(await admin.alterConfigs({ type: 'topic', name: topic }, change, { validateOnly: false })).toMatchObject({ code: 'policy-violation' })
    expect(await admin.createPartitions(topic, 2, { validateOnly: false })).toMatchObject({ code: 'invalid-request' })
    expect(await admin.deleteTopic(topic)).toMatchObject({ code: 'invalid-topic' })
  })
})

async function oneLife(prng: Prng, seed: number, disk: SimDisk | undefined, start: Model, startValues: ReadonlyMap<string, readonly string[]>): Promise<Cut[]> {
  const { world, backend, engine } = await openEngineWorld({ seed, disksTakeTime: true, ...(disk === undefined ? {} : { disk }) })
  const model = copyOf(start)
  const acknowledged = new Map([...startValues].map(([key, values]) => [key, [...values]]))
  const sent = new Map([...startValues].map(([key, values]) => [key, [...values]]))
  const cuts: Cut[] = []
  let underWay: Step | undefined
  const chance = 0.002 + prng.float() * 0.01
  world.disk.onOperation = operation => {
    if (cuts.length >= 6 || !prng.chance(chance)) return
    const how = prng.pick(['nothing', 'some', 'some', 'everything'] as const)
    const after = copyOf(model)
    underWay?.change(after)
    cuts.push({
      disk: world.disk.crash(prng, how), how: `${how} survives at ${operation}, during ${underWay?.name ?? 'nothing'}`,
      before: copyOf(model), after, acknowledged: new Map([...acknowledged].map(([key, values]) => [key, [...values]])), sent: new Map([...sent].map(([key, values]) => [key, [...values]])),
    })
  }
  let number = 0
  const administrate = async (): Promise<void> => {
    for (let count = 0; count < 25; count++) {
      underWay = nextStep(prng, model, count)
      const reply = await underWay.run(backend)
      if (reply instanceof Refusal) throw new Error(`${underWay.name}: ${reply.message}`)
      if (underWay.name.startsWith('delete ')) forgetValues(underWay.name.slice('delete '.length), acknowledged, sent)
      underWay.change(model)
      underWay = undefined
    }
  }
  const produce = async (): Promise<void> => {
    for (let count = 0; count < 40; count++) {
      const topics = [...model.topics]
      if (topics.length === 0) { await new Promise<void>(resolve => world.clock.after(1, resolve)); continue }
      const [topic, { partitions }] = prng.pick(topics)
      const partition = prng.below(partitions)
      const key = `${topic}/${partition}`
      const values = Array.from({ length: 1 + prng.below(3) }, () => `${key}#${seed}.${number++}`)
      sent.set(key, [...sent.get(key) ?? [], ...values])
      const reply = await append(backend, { topic, partition }, values)
      if (reply instanceof Refusal) continue
      acknowledged.set(key, [...acknowledged.get(key) ?? [], ...values])
    }
  }
  await world.run(() => Promise.all([administrate(), produce(), produce()]))
  world.disk.onOperation = undefined
  await world.run(() => engine.close())
  return cuts
}

async function verify({ disk, how, before, after, acknowledged, sent }: Cut, seed: number): Promise<{ model: Model; values: Map<string, readonly string[]> }> {
  const at = `seed ${seed}, ${how}`
  await using again = await openEngineWorld({ seed, disk })
  const { backend } = again
  const found = await modelOf(backend)
  const either = [describeModel(before), describeModel(after)]
  expect(either, at).toContain(describeModel(found))
  const producerId = await backend.logs.allocateProducerId()
  expect(producerId, at).toBeGreaterThanOrEqual(before.producerIdsMin)
  found.producerIdsMin = before.producerIdsMin
  const values = new Map<string, readonly string[]>()
  for (const [topic, { partitions }] of found.topics) {
    for (let partition = 0; partition < partitions; partition++) {
      const key = `${topic}/${partition}`
      const there = await valuesOf(backend, { topic, partition })
      values.set(key, there)
      const known = new Set(there)
      expect(known.size, `${at}: twice in ${key}`).toBe(there.length)
      expect((acknowledged.get(key) ?? []).filter(value => !known.has(value)), `${at}: lost from ${key}`).toEqual([])
      const written = new Set(sent.get(key))
      expect(there.filter(value => !written.has(value)), `${at}: never written to ${key}`).toEqual([])
    }
  }
  return { model: found, values }
}

function nextStep(prng: Prng, model: Model, count: number): Step {
  const topics = [...model.topics.keys()]
  const kind = topics.length === 0 ? 0 : prng.below(10)
  const name = topics.length > 0 ? prng.pick(topics) : ''
  switch (kind) {
    case 0: case 1: {
      const fresh = ['orders', 'payments', 'audit', `t-${prng.uint32()}`].find(one => !model.topics.has(one))!
      const partitions = 1 + prng.below(3)
      return {
        name: `create ${fresh}`,
        run: ({ admin }) => admin.createTopic({ name: fresh, partitions, replicationFactor: -1, configs: new Map() }, { validateOnly: false }),
        change: at => { at.topics.set(fresh, { partitions, retentionMs: undefined }) },
      }
    }
    case 2: return {
      name: `delete ${name}`,
      run: ({ admin }) => admin.deleteTopic(name),
      change: at => {
        at.topics.delete(name)
        for (const key of at.offsets.keys()) if (key.startsWith(`${name}/`)) at.offsets.delete(key)
      },
    }
    case 3: {
      const partitions = model.topics.get(name)!.partitions + 1
      return {
        name: `grow ${name}`,
        run: ({ admin }) => admin.createPartitions(name, partitions, { validateOnly: false }),
        change: at => { at.topics.set(name, { ...at.topics.get(name)!, partitions }) },
      }
    }
    case 4: {
      const retentionMs = String(1_000_000_000 + count)
      return {
        name: `alter ${name}`,
        run: ({ admin }) => admin.alterConfigs({ type: 'topic', name }, [{ name: 'retention.ms', operation: 'set', value: retentionMs }], { validateOnly: false }),
        change: at => { at.topics.set(name, { ...at.topics.get(name)!, retentionMs }) },
      }
    }
    case 5: {
      const binding: AclBinding = { principal: `User:CN=u${prng.below(5)}`, host: '*', operation: 'read', permission: 'allow', resourceType: 'topic', resourceName: 'orders', patternType: 'literal' }
      const isThere = model.acls.has(binding.principal)
      return {
        name: `${isThere ? 'remove' : 'add'} ACL`,
        run: ({ acls }) => (isThere ? acls.remove([binding]) : acls.add([binding])),
        change: at => { if (isThere) at.acls.delete(binding.principal); else at.acls.add(binding.principal) },
      }
    }
    case 6: {
      const id = `AKIA${prng.below(4)}`
      const isThere = model.accessKeys.has(id)
      return {
        name: `${isThere ? 'remove' : 'add'} access key`,
        run: ({ accessKeys }) => (isThere ? accessKeys.remove(id) : accessKeys.add({ id, secret: 's', principal: { type: 'User', name: 'x' }, createdAtMs: 1 })),
        change: at => { if (isThere) at.accessKeys.delete(id); else at.accessKeys.add(id) },
      }
    }
    case 7: return {
      name: 'allocate',
      run: async ({ logs }) => {
        const id = await logs.allocateProducerId()
        if (id instanceof Refusal) return id
        if (id < model.producerIdsMin) throw new Error(`producer id ${id} was given before`)
        model.producerIdsMin = id + 1
        return id
      },
      change: () => {},
    }
    default: {
      const offset = count
      return {
        name: `commit ${name}`,
        run: ({ groups }) => groups.commit({ groupId: 'g0', memberId: '', instanceId: null, generationId: -1, offsets: [{ topic: name, partition: 0, offset, leaderEpoch: -1, metadata: '' }] }),
        change: at => { at.offsets.set(`${name}/0`, offset) },
      }
    }
  }
}

async function modelOf({ admin, acls, accessKeys, groups }: Backend): Promise<Model> {
  const model = emptyModel()
  for (const topic of await admin.topics()) {
    if (topic.internal) continue
    model.topics.set(topic.name, { partitions: topic.partitions.length, retentionMs: topic.configs.get('retention.ms') })
  }
  // Deletions that were cut short are finished in the background: what is left of them must not be seen through a topic that is there.
  const committed = await groups.committed('g0')
  if (committed instanceof Refusal) throw new Error(committed.message)
  for (const { topic, partition, offset } of committed) if (model.topics.has(topic)) model.offsets.set(`${topic}/${partition}`, offset)
  for (const { principal } of acls.all()) model.acls.add(principal)
  for (const { id } of accessKeys.all()) model.accessKeys.add(id)
  return model
}

function describeModel({ topics, acls, accessKeys, offsets }: Model): string {
  return JSON.stringify({ topics: [...topics].toSorted(), acls: [...acls].toSorted(), accessKeys: [...accessKeys].toSorted(), offsets: [...offsets].toSorted() })
}

function emptyModel(): Model {
  return { topics: new Map(), acls: new Set(), accessKeys: new Set(), offsets: new Map(), producerIdsMin: 0 }
}

function copyOf(model: Model): Model {
  return { topics: new Map(model.topics), acls: new Set(model.acls), accessKeys: new Set(model.accessKeys), offsets: new Map(model.offsets), producerIdsMin: model.producerIdsMin }
}

function forgetValues(topic: string, ...maps: Map<string, string[]>[]): void {
  for (const map of maps) for (const key of map.keys()) if (key.startsWith(`${topic}/`)) map.delete(key)
}
