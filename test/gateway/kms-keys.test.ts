// /admin/kms-keys: the keys of the local keyring, who may see and change them, and what is left in the audit log.
import { describe, expect, it } from 'vitest'
import { admin, testGateway } from '../support/gateway.ts'

interface Key { readonly id: string; readonly arn: string; readonly state: string; readonly aliases: string[]; readonly topics: string[] }

describe('/admin/kms-keys', () => {
  it('makes, lists and shows keys, without their bytes', async () => {
    const gateway = await testGateway()
    const made = await gateway.as(admin).post('/admin/kms-keys').send({ alias: 'alias/orders', description: 'of the orders' })
    const key = made.body as Key
    expect([made.status, key]).toEqual([201, {
      id: key.id, arn: `arn:aws:kms:us-east-1:000000000000:key/${key.id}`, description: 'of the orders', state: 'Enabled', createdAt: new Date(gateway.time.now).toISOString(),
      deletionAt: null, isManaged: false, aliases: ['alias/orders'], topics: [],
    }])
    await gateway.createTopic('orders', { configs: { 'sluice.kms.key.id': key.id } })
    const shown = { ...key, topics: ['orders'] }
    expect((await gateway.as(admin).get('/admin/kms-keys')).body).toEqual({ kmsKeys: [shown] })
    for (const name of [key.id, key.arn, 'alias/orders', 'arn:aws:kms:us-east-1:000000000000:alias/orders']) {
      expect((await gateway.as(admin).get(`/admin/kms-keys/${encodeURIComponent(name)}`)).body).toEqual(shown)
    }
    const { material } = JSON.parse(gateway.backend.documents.find('kms-key', key.id)!.value) as { material: string }
    expect(JSON.stringify([made.body, gateway.audited, gateway.logged])).not.toContain(material)
  })

  it('disables, enables and deletes them, gives and takes aliases; each change is written down', async () => {
    const gateway = await testGateway()
    const { id } = (await gateway.as(admin).post('/admin/kms-keys').send({})).body as Key
    const at = `/admin/kms-keys/${id}`
    expect((await gateway.as(admin).post(`${at}/disable`)).body).toMatchObject({ state: 'Disabled' })
    expect((await gateway.as(admin).post(`${at}/enable`)).body).toMatchObject({ state: 'Enabled' })
    expect((await gateway.as(admin).put(`${at}/aliases/alias%2Forders%2Fnew`)).body).toMatchObject({ aliases: ['alias/orders/new'] })
    expect((await gateway.as(admin).delete(`${at}/aliases/alias%2Forders%2Fnew`)).body).toMatchObject({ aliases: [] })
    expect((await gateway.as(admin).delete(`${at}?days=7`)).body).toMatchObject({ state: 'PendingDeletion', deletionAt: new Date(gateway.time.now + 7 * 86_400_000).toISOString() })
    expect((await gateway.as(admin).post(`${at}/cancel-deletion`)).body).toMatchObject({ state: 'Disabled', deletionAt: null })
    expect(gateway.audited.filter(({ kind }) => kind === 'change').map(({ operation, resource, reason }) => [operation, resource, reason])).toEqual([
      ['create-kms-key', `kms-key:${id}`, undefined], ['disable-kms-key', `kms-key:${id}`, undefined], ['enable-kms-key', `kms-key:${id}`, undefined],
      ['add-kms-alias', `kms-key:${id}`, 'alias/orders/new'], ['remove-kms-alias', `kms-key:${id}`, 'alias/orders/new'],
      ['schedule-kms-key-deletion', `kms-key:${id}`, 'in 7 days'], ['cancel-kms-key-deletion', `kms-key:${id}`, undefined],
    ])
  })

  it('refuses what is not there or makes no sense, in one line', async () => {
    const gateway = await testGateway()
    const ask = gateway.as(admin)
    const { id } = (await ask.post('/admin/kms-keys').send({ alias: 'alias/a' })).body as Key
    const said = async (answer: Promise<{ status: number; body: unknown }>): Promise<[number, string]> => {
      const { status, body } = await answer
      return [status, (body as { message: string }).message]
    }
    expect(await said(ask.get('/admin/kms-keys/alias%2Fnone'))).toEqual([404, 'Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found.'])
    expect(await said(ask.post('/admin/kms-keys').send({ alias: 'alias/a' }))).toEqual([409, '\'alias/a\' is another key\'s alias'])
    expect(await said(ask.post('/admin/kms-keys').send({ alias: 'orders' }))).toEqual([400, expect.stringContaining('not \'orders\'')])
    expect(await said(ask.post('/admin/kms-keys').send({ material: 'x' }))).toEqual([422, expect.stringContaining('\'material\' is not known')])
    expect(await said(ask.delete(`/admin/kms-keys/${id}?days=1`))).toEqual([400, expect.stringContaining('7 to 30')])
    expect(await said(ask.post(`/admin/kms-keys/${id}/cancel-deletion`))).toEqual([400, `key ${id} is not pending deletion`])
    expect((await ask.post(`/admin/kms-keys/${id}/melt`)).status).toBe(404)
  })

  it('is for who may DESCRIBE and ALTER the cluster', async () => {
    const gateway = await testGateway()
    const { id } = (await gateway.as(admin).post('/admin/kms-keys').send({})).body as Key
    const at = `/admin/kms-keys/${id}`
    const bob = gateway.as('bob')
    const asked = async (): Promise<number[]> => Promise.all([
      bob.get('/admin/kms-keys'), bob.get(at), bob.post('/admin/kms-keys').send({}), bob.delete(at), bob.post(`${at}/disable`), bob.put(`${at}/aliases/alias%2Fx`), bob.delete(`${at}/aliases/alias%2Fx`),
    ].map(async answer => (await answer).status))
    expect(await asked()).toEqual([403, 403, 403, 403, 403, 403, 403])
    await gateway.allow('bob', 'describe', 'cluster', 'kafka-cluster')
    expect((await asked()).slice(0, 3)).toEqual([200, 200, 403])
  })
})
