import { describe, expect, it } from 'vitest'
import { KmsKeys, type KmsKey } from '../../src/security/kms-keys.ts'
import { Refusal } from '../../src/ports.ts'
import { random, TestClock } from '../kinesis/support/kinesis.ts'
import { memoryBackend } from '../support/memory-backend.ts'

const dayMs = 86_400_000

function keyring() {
  const clock = new TestClock()
  const { documents } = memoryBackend({ now: () => clock.now() })
  return { clock, documents, keys: new KmsKeys({ documents, clock, random, region: 'eu-west-1', account: '123456789012' }) }
}

function made(key: KmsKey | Refusal): KmsKey {
  if (key instanceof Refusal) throw new Error(key.message)
  return key
}

const refused = (code: Refusal['code'], text: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(text) })

describe('keys', () => {
  it('are made enabled, with 32 bytes of their own that nothing shows', async () => {
    const { clock, documents, keys } = keyring()
    const key = made(await keys.create({ description: 'of the orders', alias: 'alias/orders' }))
    expect(key).toEqual({
      id: key.id, description: 'of the orders', state: 'Enabled', createdAtMs: clock.now(), deletionAtMs: undefined, isManaged: false, aliases: ['alias/orders'],
    })
    const { material } = JSON.parse(documents.find('kms-key', key.id)!.value) as { material: string }
    expect(Buffer.from(material, 'base64')).toHaveLength(32)
    const other = made(await keys.create({}))
    expect(documents.find('kms-key', other.id)!.value).not.toContain(material)
    expect(JSON.stringify([keys.all(), key])).not.toContain(material)
  })

  it('have aliases of which each is one key\'s', async () => {
    const { keys } = keyring()
    const [a, b] = [made(await keys.create({ alias: 'alias/a' })), made(await keys.create({}))]
    expect(await keys.addAlias(b.id, 'alias/a')).toEqual(refused('duplicate-resource', /'alias\/a' is another key's alias/))
    expect(await keys.create({ alias: 'alias/a' })).toEqual(refused('duplicate-resource', /alias\/a/))
    expect(keys.all()).toHaveLength(2)
    expect(await keys.addAlias(a.id, 'alias/b')).toMatchObject({ aliases: ['alias/a', 'alias/b'] })
    expect(await keys.addAlias(a.id, 'alias/b')).toMatchObject({ aliases: ['alias/a', 'alias/b'] })
    expect(await keys.removeAlias(b.id, 'alias/a')).toEqual(refused('resource-not-found', /has no alias 'alias\/a'/))
    expect(await keys.removeAlias(a.id, 'alias/a')).toMatchObject({ aliases: ['alias/b'] })
    expect(await keys.addAlias(b.id, 'alias/a')).toMatchObject({ aliases: ['alias/a'] })
    for (const alias of ['orders', 'alias/', 'alias/a b', `alias/${'x'.repeat(300)}`]) expect(await keys.addAlias(a.id, alias)).toEqual(refused('invalid-request', /an alias is/))
    expect(await keys.addAlias(a.id, 'alias/aws/s3')).toEqual(refused('invalid-request', /kept for services/))
  })

  it('are disabled and enabled, as often as anybody likes', async () => {
    const { keys } = keyring()
    const { id } = made(await keys.create({}))
    expect(await keys.disable(id)).toMatchObject({ state: 'Disabled' })
    expect(await keys.disable(id)).toMatchObject({ state: 'Disabled' })
    expect(await keys.enable(id)).toMatchObject({ state: 'Enabled' })
    expect(await keys.enable('none')).toEqual(refused('resource-not-found', /there is no key 'none'/))
  })

  it('wait 7 to 30 days for their deletion, which can be cancelled until then', async () => {
    const { clock, documents, keys } = keyring()
    const { id } = made(await keys.create({ alias: 'alias/doomed' }))
    for (const days of [6, 31, 7.5, Number.NaN]) expect(await keys.scheduleDeletion(id, days)).toEqual(refused('invalid-request', /7 to 30 whole days/))
    expect(await keys.cancelDeletion(id)).toEqual(refused('invalid-request', /is not pending deletion/))
    expect(await keys.scheduleDeletion(id)).toMatchObject({ state: 'PendingDeletion', deletionAtMs: clock.now() + 30 * dayMs })
    for (const again of [keys.enable(id), keys.disable(id), keys.scheduleDeletion(id, 7), keys.addAlias(id, 'alias/x')]) {
      expect(await again).toEqual(refused('invalid-request', /is pending deletion; cancel that first/))
    }
    expect(await keys.cancelDeletion(id)).toMatchObject({ state: 'Disabled', deletionAtMs: undefined })
    await keys.scheduleDeletion(id, 7)
    clock.advance(7 * dayMs - 1)
    expect(await keys.destroyDue()).toEqual([])
    clock.advance(1)
    expect(await keys.destroyDue()).toEqual([id])
    expect([...documents.all('kms-key'), ...documents.all('kms-alias')]).toEqual([])
  })

  it('of Kinesis are one, however many ask for it at once, and are let be', async () => {
    const { keys } = keyring()
    const all = await Promise.all([1, 2, 3].map(() => keys.resolve('alias/aws/kinesis')))
    const { id } = all[0] as KmsKey
    expect(all.map(key => (key as KmsKey).id)).toEqual([id, id, id])
    expect(keys.all()).toHaveLength(1)
    for (const change of [keys.disable(id), keys.scheduleDeletion(id, 7)]) expect(await change).toEqual(refused('invalid-request', /Kinesis's own/))
    expect(await keys.removeAlias(id, 'alias/aws/kinesis')).toEqual(refused('invalid-request', /stays/))
  })
})
