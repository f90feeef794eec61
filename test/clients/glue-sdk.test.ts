// AWS's own client of Glue against the gateway: schemas through their whole life, beside Confluent's API over the same subjects, and after a restart.
import { afterEach, describe, expect, test } from 'vitest'
import {
  CheckSchemaVersionValidityCommand, CreateRegistryCommand, CreateSchemaCommand, DeleteRegistryCommand, DeleteSchemaCommand, DeleteSchemaVersionsCommand, GetRegistryCommand,
  GetSchemaByDefinitionCommand, GetSchemaCommand, GetSchemaVersionCommand, GetSchemaVersionsDiffCommand, GetTablesCommand, GetTagsCommand, GlueClient, ListRegistriesCommand,
  ListSchemasCommand, ListSchemaVersionsCommand, PutSchemaVersionMetadataCommand, QuerySchemaVersionMetadataCommand, RegisterSchemaVersionCommand,
  RemoveSchemaVersionMetadataCommand, TagResourceCommand, UntagResourceCommand, UpdateRegistryCommand, UpdateSchemaCommand,
} from '@aws-sdk/client-glue'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { createGateway, type GatewayParts } from '../../src/gateway/app.ts'
import { RateLimits } from '../../src/gateway/rate-limits.ts'
import { startGateway } from '../../src/gateway/server.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import { admin, testGateway, type TestGateway } from '../support/gateway.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { silent } from '../support/registry-app.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Started {
  readonly gateway: TestGateway
  readonly glue: GlueClient
  /** As another principal than the administrator. */
  as(name: string): Promise<GlueClient>
  /** Another process over the same logs. */
  restart(): Promise<GlueClient>
}

async function start(path = '/glue', overrides: Partial<GatewayParts> = {}): Promise<Started> {
  const schemas = memoryBackend()
  const open = (): Promise<GatewayParts['registry']> => openRegistry({ ...schemas, clock: { now: () => Date.now() }, logger: silent })
  const gateway = await testGateway({ registry: await open(), ...overrides })
  gateway.time.now = Date.now()
  const serve = async (parts: GatewayParts): Promise<number> => {
    const server = await startGateway({ app: createGateway(parts), host: '127.0.0.1', port: 0 })
    closing.push(async () => server[Symbol.asyncDispose]())
    return server.port
  }
  const client = async (port: number, name: string): Promise<GlueClient> => {
    const id = `AKIA${name.toUpperCase().padEnd(16, 'X')}`
    await gateway.backend.accessKeys.add({ id, secret: `${name}, and thirty characters more`, principal: { type: 'User', name: `CN=${name}` }, createdAtMs: 0 })
    const made = new GlueClient({
      endpoint: `http://127.0.0.1:${port}${path}`, region: 'us-east-1', requestHandler: new NodeHttpHandler(), maxAttempts: 1,
      credentials: { accessKeyId: id, secretAccessKey: `${name}, and thirty characters more` },
    })
    closing.push(() => made.destroy())
    return made
  }
  const port = await serve(gateway.parts)
  return {
    gateway,
    glue: await client(port, admin),
    as: name => client(port, name),
    restart: async () => client(await serve({ ...gateway.parts, registry: await open() }), admin),
  }
}

const record = (...fields: string[]): string => JSON.stringify({ type: 'record', name: 'Order', fields: fields.map(name => ({ name, type: 'long' })) })
const withDefault = (...fields: string[]): string => JSON.stringify({
  type: 'record', name: 'Order', fields: fields.map((name, at) => ({ name, type: 'long', ...at > 0 && { default: 0 } })),
})
const orders = { RegistryName: 'default-registry', SchemaName: 'orders-value' }
const arn = 'arn:aws:glue:us-east-1:000000000000:schema/default-registry/orders-value'

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => undefined, (thrown: unknown) => thrown as Error)
  return error === undefined ? 'no refusal' : `${error.name}: ${error.message}`
}

test('a principal has as many requests as one may have, and is throttled in AWS\'s words', async () => {
  const { glue, as } = await start('/glue', { rateLimits: new RateLimits({ requests: 2, bytesIn: 0, bytesOut: 0 }) })
  const list = new ListRegistriesCommand({})
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => refusalOf(glue.send(list))))
  expect(outcomes.toSorted()).toEqual(['ThrottlingException: Rate exceeded', 'ThrottlingException: Rate exceeded', 'no refusal', 'no refusal'])
  expect(await refusalOf((await as('bob')).send(list))).toBe('no refusal')
})

describe('schemas through Glue', () => {
  test.each(['/glue', ''])('what the AWS serializers do: look up, create, look up, register, read by id (endpoint path %j)', async path => {
    const { glue } = await start(path)
    const lookUp = (SchemaDefinition: string): Promise<{ SchemaVersionId?: string | undefined }> => glue.send(new GetSchemaByDefinitionCommand({ SchemaId: orders, SchemaDefinition }))
    expect(await refusalOf(lookUp(record('id')))).toBe(
      'EntityNotFoundException: Schema is not found. RegistryName: default-registry, SchemaName: orders-value, SchemaArn: null',
    )
    const created = await glue.send(new CreateSchemaCommand({
      SchemaName: 'orders-value', DataFormat: 'AVRO', Compatibility: 'BACKWARD', SchemaDefinition: record('id'), Tags: { team: 'shop' }, Description: 'what was ordered',
    }))
    expect(created).toMatchObject({
      RegistryName: 'default-registry', RegistryArn: 'arn:aws:glue:us-east-1:000000000000:registry/default-registry', SchemaName: 'orders-value', SchemaArn: arn,
      DataFormat: 'AVRO', Compatibility: 'BACKWARD', SchemaCheckpoint: 1, LatestSchemaVersion: 1, NextSchemaVersion: 2, SchemaStatus: 'AVAILABLE', Tags: { team: 'shop' },
      SchemaVersionStatus: 'AVAILABLE', Description: 'what was ordered',
    })
    expect((await lookUp(record('id'))).SchemaVersionId).toBe(created.SchemaVersionId)
    expect(await refusalOf(lookUp(record('other')))).toContain('EntityNotFoundException: Schema version is not found.')
    const second = await glue.send(new RegisterSchemaVersionCommand({ SchemaId: { SchemaArn: arn }, SchemaDefinition: withDefault('id', 'count') }))
    expect(second).toMatchObject({ VersionNumber: 2, Status: 'AVAILABLE' })
    expect(await glue.send(new GetSchemaVersionCommand({ SchemaVersionId: second.SchemaVersionId! }))).toMatchObject({
      SchemaDefinition: withDefault('id', 'count'), DataFormat: 'AVRO', SchemaArn: arn, VersionNumber: 2, Status: 'AVAILABLE', CreatedTime: expect.stringMatching(/^\d{4}-.*Z$/),
    })
    expect(await glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('id') }))).toMatchObject({
      SchemaVersionId: created.SchemaVersionId, VersionNumber: 1, Status: 'AVAILABLE',
    })
    expect((await glue.send(new GetTagsCommand({ ResourceArn: arn }))).Tags).toEqual({ team: 'shop' })
  })

  test('an incompatible definition is a version that failed; what it takes to register is the schema\'s to say', async () => {
    const { glue } = await start()
    await glue.send(new CreateSchemaCommand({ SchemaName: 'orders-value', DataFormat: 'AVRO', Compatibility: 'BACKWARD_ALL', SchemaDefinition: record('id') }))
    const failed = await glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('id', 'count') }))
    expect(failed).toMatchObject({ VersionNumber: 2, Status: 'FAILURE' })
    expect(await glue.send(new GetSchemaVersionCommand({ SchemaVersionId: failed.SchemaVersionId! }))).toMatchObject({
      Status: 'FAILURE', SchemaDefinition: record('id', 'count'), VersionNumber: 2,
    })
    expect((await glue.send(new ListSchemaVersionsCommand({ SchemaId: orders }))).Schemas).toHaveLength(1)
    expect(await refusalOf(glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: '{"type":"no"}' })))).toMatch(
      /^InvalidInputException: Schema definition of AVRO data format is invalid: /,
    )
    expect(await refusalOf(glue.send(new UpdateSchemaCommand({ SchemaId: orders, Compatibility: 'NONE' })))).toBe(
      'InvalidInputException: One of version number (or) latest version is required.',
    )
    await glue.send(new UpdateSchemaCommand({ SchemaId: orders, Compatibility: 'NONE', SchemaVersionNumber: { LatestVersion: true }, Description: 'free' }))
    expect(await glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('id', 'count') }))).toMatchObject({ VersionNumber: 2, Status: 'AVAILABLE' })
    expect(await glue.send(new GetSchemaCommand({ SchemaId: orders }))).toMatchObject({ Compatibility: 'NONE', Description: 'free', LatestSchemaVersion: 2, SchemaCheckpoint: 1 })
    await glue.send(new UpdateSchemaCommand({ SchemaId: orders, Compatibility: 'DISABLED', SchemaVersionNumber: { LatestVersion: true } }))
    expect(await refusalOf(glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('third') })))).toBe(
      'InvalidInputException: Compatibility DISABLED does not allow versioning. SchemaId: SchemaId(schemaArn=null, schemaName=orders-value, registryName=default-registry)',
    )
    // The checkpoint is at version 2 now: what came before it is not compared.
    await glue.send(new UpdateSchemaCommand({ SchemaId: orders, Compatibility: 'BACKWARD_ALL', SchemaVersionNumber: { VersionNumber: 2 } }))
    const withoutOne = JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'count', type: 'long' }] })
    expect(await glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: withoutOne }))).toMatchObject({ VersionNumber: 3, Status: 'AVAILABLE' })
  })

  test('an operation of another part of Glue is refused, with what is here', async () => {
    const { glue } = await start()
    expect(await refusalOf(glue.send(new GetTablesCommand({ DatabaseName: 'shop' })))).toBe('UnknownOperationException: Only the operations of registries, schemas, versions, metadata and tags are here.')
  })

  test('DISABLED lets the first version in, and none after it', async () => {
    const { glue, gateway } = await start()
    await glue.send(new CreateSchemaCommand({ SchemaName: 'orders-value', DataFormat: 'AVRO', Compatibility: 'DISABLED' }))
    expect(await glue.send(new GetSchemaCommand({ SchemaId: orders }))).toMatchObject({ Compatibility: 'DISABLED', NextSchemaVersion: 1 })
    const { store } = gateway.parts.registry
    const modes: unknown[] = []
    const apply = store.apply.bind(store)
    store.apply = change => { apply(change); modes.push(store.mode('orders-value')) }
    expect(await glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('id') }))).toMatchObject({ VersionNumber: 1, Status: 'AVAILABLE' })
    // At no time may anybody else register: neither while it is let in, nor where the server ends in between.
    expect(new Set(modes)).toEqual(new Set(['READONLY']))
    expect(await refusalOf(glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('other') })))).toContain('DISABLED does not allow versioning')
    expect(await glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('id') }))).toMatchObject({ VersionNumber: 1 })
    expect(await glue.send(new DeleteSchemaCommand({ SchemaId: orders }))).toMatchObject({ Status: 'DELETING' })
    // Nothing of it is left: it may be made anew, with other rules.
    expect(await glue.send(new CreateSchemaCommand({ SchemaName: 'orders-value', DataFormat: 'AVRO', SchemaDefinition: record('new') }))).toMatchObject({ LatestSchemaVersion: 1, Compatibility: 'BACKWARD' })
  })

  test('a schema is one, whether Glue or Confluent\'s API made it', async () => {
    const { glue, gateway } = await start()
    const confluent = gateway.as(admin)
    await confluent.post('/subjects/made-there/versions').send({ schema: record('id') }).expect(200)
    expect((await glue.send(new ListSchemasCommand({}))).Schemas).toMatchObject([{ SchemaName: 'made-there', RegistryName: 'default-registry' }])
    expect(await glue.send(new GetSchemaByDefinitionCommand({ SchemaId: { ...orders, SchemaName: 'made-there' }, SchemaDefinition: record('id') }))).toMatchObject({ DataFormat: 'AVRO' })
    expect(await refusalOf(glue.send(new CreateSchemaCommand({ SchemaName: 'made-there', DataFormat: 'AVRO', SchemaDefinition: record('id') })))).toBe(
      'AlreadyExistsException: Schema already exists. SchemaName: made-there',
    )
    await glue.send(new CreateRegistryCommand({ RegistryName: 'eu' }))
    const definition = '{"type":"object","properties":{"id":{"type":"integer"}},"additionalProperties":false}'
    await glue.send(new CreateSchemaCommand({ RegistryId: { RegistryName: 'eu' }, SchemaName: 'made-here', DataFormat: 'JSON', Compatibility: 'FULL_ALL', SchemaDefinition: definition }))
    expect((await confluent.get('/subjects/:.eu:made-here/versions/1').expect(200)).body).toMatchObject({ schemaType: 'JSON' })
    expect((await confluent.get('/config/:.eu:made-here').expect(200)).body).toMatchObject({ compatibilityLevel: 'FULL_TRANSITIVE' })
    expect((await glue.send(new ListSchemasCommand({ RegistryId: { RegistryName: 'eu' } }))).Schemas).toMatchObject([{ SchemaName: 'made-here' }])
    await confluent.delete('/subjects/made-there').expect(200)
    expect(await refusalOf(glue.send(new GetSchemaCommand({ SchemaId: { ...orders, SchemaName: 'made-there' } })))).toContain('Schema is not found.')
  })

  test('versions are compared as texts, listed by pages, and deleted but for the first and the checkpoint', async () => {
    const { glue } = await start()
    await glue.send(new CreateSchemaCommand({ SchemaName: 'orders-value', DataFormat: 'AVRO', Compatibility: 'NONE', SchemaDefinition: record('a') }))
    for (const name of ['b', 'c', 'd']) await glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record(name) }))
    const { Diff } = await glue.send(new GetSchemaVersionsDiffCommand({
      SchemaId: orders, FirstSchemaVersionNumber: { VersionNumber: 1 }, SecondSchemaVersionNumber: { LatestVersion: true }, SchemaDiffType: 'SYNTAX_DIFF',
    }))
    expect(Diff!.split('\n').filter(line => !line.startsWith(' '))).toEqual(['-      "name": "a",', '+      "name": "d",'])
    const page = await glue.send(new ListSchemaVersionsCommand({ SchemaId: orders, MaxResults: 3 }))
    const rest = await glue.send(new ListSchemaVersionsCommand({ SchemaId: orders, MaxResults: 3, NextToken: page.NextToken! }))
    expect([page.Schemas, rest.Schemas].map(list => list!.map(each => each.VersionNumber))).toEqual([[1, 2, 3], [4]])
    expect(rest.NextToken).toBeUndefined()

    expect(await refusalOf(glue.send(new DeleteSchemaVersionsCommand({ SchemaId: orders, Versions: '1-2' })))).toContain('InvalidInputException')
    await glue.send(new UpdateSchemaCommand({ SchemaId: orders, SchemaVersionNumber: { VersionNumber: 3 } }))
    expect(await refusalOf(glue.send(new DeleteSchemaVersionsCommand({ SchemaId: orders, Versions: '2-3' })))).toContain('ConcurrentModificationException')
    expect((await glue.send(new DeleteSchemaVersionsCommand({ SchemaId: orders, Versions: '2' }))).SchemaVersionErrors).toEqual([])
    expect((await glue.send(new DeleteSchemaVersionsCommand({ SchemaId: orders, Versions: '2' }))).SchemaVersionErrors).toMatchObject([
      { VersionNumber: 2, ErrorDetails: { ErrorCode: 'EntityNotFoundException' } },
    ])
    expect((await glue.send(new ListSchemaVersionsCommand({ SchemaId: orders }))).Schemas!.map(each => each.VersionNumber)).toEqual([1, 3, 4])
    const [first] = page.Schemas!
    expect(await glue.send(new DeleteSchemaCommand({ SchemaId: orders }))).toMatchObject({ SchemaArn: arn, SchemaName: 'orders-value', Status: 'DELETING' })
    expect(await refusalOf(glue.send(new GetSchemaVersionCommand({ SchemaVersionId: first!.SchemaVersionId! })))).toBe(
      `EntityNotFoundException: Schema version is not found. SchemaVersionId: ${first!.SchemaVersionId}`,
    )
  })

  test('metadata of versions has up to ten pairs, of which several may have one key', async () => {
    const { glue } = await start()
    const { SchemaVersionId } = await glue.send(new CreateSchemaCommand({ SchemaName: 'orders-value', DataFormat: 'AVRO', SchemaDefinition: record('a') }))
    const put = (MetadataKey: string, MetadataValue: string): Promise<object> => glue.send(new PutSchemaVersionMetadataCommand({ SchemaVersionId, MetadataKeyValue: { MetadataKey, MetadataValue } }))
    expect(await put('app', 'shop')).toMatchObject({ SchemaArn: arn, LatestVersion: true, VersionNumber: 1, MetadataKey: 'app', MetadataValue: 'shop' })
    expect(await refusalOf(put('app', 'shop'))).toBe(
      `AlreadyExistsException: Resource already exist for schema version id: ${SchemaVersionId}, metadata key: app, metadata value: shop`,
    )
    await put('app', 'billing')
    for (let at = 0; at < 8; at++) await put(`key-${at}`, 'x')
    expect(await refusalOf(put('eleventh', 'x'))).toBe('ResourceNumberLimitExceededException: Your resource limits for Schema Version Metadata have been exceeded.')
    const { MetadataInfoMap } = await glue.send(new QuerySchemaVersionMetadataCommand({ SchemaId: orders, SchemaVersionNumber: { LatestVersion: true }, MetadataList: [{ MetadataKey: 'app' }] }))
    expect(MetadataInfoMap).toMatchObject({ app: { MetadataValue: 'billing', OtherMetadataValueList: [{ MetadataValue: 'shop' }] } })
    await glue.send(new RemoveSchemaVersionMetadataCommand({ SchemaVersionId, MetadataKeyValue: { MetadataKey: 'app', MetadataValue: 'billing' } }))
    expect((await glue.send(new QuerySchemaVersionMetadataCommand({ SchemaVersionId }))).MetadataInfoMap!['app']).toMatchObject({ MetadataValue: 'shop' })
    expect(await refusalOf(glue.send(new RemoveSchemaVersionMetadataCommand({ SchemaVersionId, MetadataKeyValue: { MetadataKey: 'app', MetadataValue: 'billing' } })))).toContain('EntityNotFoundException')
  })

  test('a restart keeps what only Glue knows', async () => {
    const { glue, restart } = await start()
    await glue.send(new CreateRegistryCommand({ RegistryName: 'empty', Description: 'nothing in it', Tags: { a: '1', b: '2' } }))
    await glue.send(new CreateSchemaCommand({ RegistryId: { RegistryName: 'empty' }, SchemaName: 'later', DataFormat: 'PROTOBUF', Compatibility: 'NONE', Description: 'to come' }))
    const created = await glue.send(new CreateSchemaCommand({ SchemaName: 'orders-value', DataFormat: 'AVRO', Compatibility: 'FULL', SchemaDefinition: record('a') }))
    const failed = await glue.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('b') }))
    await glue.send(new PutSchemaVersionMetadataCommand({ SchemaVersionId: created.SchemaVersionId, MetadataKeyValue: { MetadataKey: 'k', MetadataValue: 'v' } }))
    await glue.send(new UntagResourceCommand({ ResourceArn: 'arn:aws:glue:us-east-1:000000000000:registry/empty', TagsToRemove: ['a'] }))
    await glue.send(new TagResourceCommand({ ResourceArn: arn, TagsToAdd: { late: 'tag' } }))
    await glue.send(new UpdateRegistryCommand({ RegistryId: { RegistryName: 'default-registry' }, Description: 'the one' }))

    const again = await restart()
    expect((await again.send(new ListRegistriesCommand({}))).Registries).toMatchObject([
      { RegistryName: 'default-registry', Description: 'the one', Status: 'AVAILABLE' }, { RegistryName: 'empty', Description: 'nothing in it' },
    ])
    expect((await again.send(new GetTagsCommand({ ResourceArn: 'arn:aws:glue:us-east-1:000000000000:registry/empty' }))).Tags).toEqual({ b: '2' })
    expect((await again.send(new GetTagsCommand({ ResourceArn: arn }))).Tags).toEqual({ late: 'tag' })
    const later = { RegistryName: 'empty', SchemaName: 'later' }
    expect(await again.send(new GetSchemaCommand({ SchemaId: later }))).toMatchObject({ DataFormat: 'PROTOBUF', Description: 'to come', NextSchemaVersion: 1 })
    expect(await again.send(new GetSchemaVersionCommand({ SchemaVersionId: created.SchemaVersionId }))).toMatchObject({ Status: 'AVAILABLE' })
    expect(await again.send(new GetSchemaVersionCommand({ SchemaVersionId: failed.SchemaVersionId }))).toMatchObject({ Status: 'FAILURE' })
    expect((await again.send(new QuerySchemaVersionMetadataCommand({ SchemaVersionId: created.SchemaVersionId }))).MetadataInfoMap).toMatchObject({ k: { MetadataValue: 'v' } })
    await again.send(new UpdateSchemaCommand({ SchemaId: later, Description: 'still to come' }))
    expect(await again.send(new GetSchemaCommand({ SchemaId: later }))).toMatchObject({ Description: 'still to come', Compatibility: 'NONE' })
    await again.send(new DeleteRegistryCommand({ RegistryId: { RegistryName: 'empty' } }))
    expect(await refusalOf(again.send(new GetRegistryCommand({ RegistryId: { RegistryName: 'empty' } })))).toBe('EntityNotFoundException: Registry is not found. RegistryName: empty')
    expect(await refusalOf(again.send(new GetSchemaCommand({ SchemaId: later })))).toContain('Schema is not found.')
    await again.send(new CreateRegistryCommand({ RegistryName: 'empty' }))
    expect(await again.send(new CreateSchemaCommand({ RegistryId: { RegistryName: 'empty' }, SchemaName: 'later', DataFormat: 'AVRO' }))).toMatchObject({ Compatibility: 'BACKWARD' })
  })

  test('definitions are checked without a schema; names and limits are AWS\'s', async () => {
    const { glue } = await start()
    expect(await glue.send(new CheckSchemaVersionValidityCommand({ DataFormat: 'AVRO', SchemaDefinition: record('a') }))).toMatchObject({ Valid: true })
    expect(await glue.send(new CheckSchemaVersionValidityCommand({ DataFormat: 'JSON', SchemaDefinition: '{"type":' }))).toMatchObject({
      Valid: false, Error: expect.stringContaining('Schema definition of JSON data format is invalid: '),
    })
    const create = (RegistryName: string): Promise<unknown> => glue.send(new CreateRegistryCommand({ RegistryName }))
    expect(await refusalOf(create('a b'))).toBe(
      'InvalidInputException: The parameter value contains one or more characters that are not valid. Parameter Name: registryName',
    )
    expect(await refusalOf(create('x'.repeat(256)))).toBe('InvalidInputException: The resource name contains too many or too few characters. Parameter Name: registryName')
    expect(await refusalOf(create('default-registry'))).toBe('AlreadyExistsException: Registry already exists. RegistryName: default-registry')
    expect(await refusalOf(glue.send(new CreateSchemaCommand({ SchemaName: 'x', DataFormat: 'XML' as 'AVRO', SchemaDefinition: 'x' })))).toBe(
      'InvalidInputException: Data format is not valid.',
    )
    expect(await refusalOf(glue.send(new GetSchemaCommand({ SchemaId: { SchemaName: 'x' } })))).toBe(
      'InvalidInputException: At least one of (registryName and schemaName) or schemaArn has to be provided.',
    )
    expect(await refusalOf(glue.send(new GetSchemaVersionCommand({ SchemaVersionId: 'x'.repeat(36) })))).toBe(
      'InvalidInputException: The parameter value contains one or more characters that are not valid. Parameter Name: schemaVersionId',
    )
    expect(await refusalOf(glue.send(new CreateRegistryCommand({} as { RegistryName: string })))).toBe(
      'ValidationException: 1 validation error detected: Value null at \'registryName\' failed to satisfy constraint: Member must not be null',
    )
  })

  test('each key\'s principal is held to the ACLs of subjects, and learns nothing of what it may not see', async () => {
    const { glue, as, gateway } = await start()
    const bob = await as('bob')
    const { SchemaVersionId } = await glue.send(new CreateSchemaCommand({ SchemaName: 'orders-value', DataFormat: 'AVRO', SchemaDefinition: record('a') }))
    const denied = 'AccessDeniedException: User: arn:aws:iam::000000000000:user/CN=bob is not authorized to perform: glue:GetSchema on resource: '
    expect(await refusalOf(bob.send(new GetSchemaCommand({ SchemaId: orders })))).toContain(denied + arn)
    expect(await refusalOf(bob.send(new GetSchemaCommand({ SchemaId: { ...orders, SchemaName: 'none' } })))).toContain(denied)
    expect(await refusalOf(bob.send(new GetSchemaVersionCommand({ SchemaVersionId })))).toBe(
      `EntityNotFoundException: Schema version is not found. SchemaVersionId: ${SchemaVersionId}`,
    )
    expect((await bob.send(new ListSchemasCommand({}))).Schemas).toEqual([])
    expect((await bob.send(new ListSchemasCommand({ RegistryId: { RegistryName: 'no-such-one' } }))).Schemas).toEqual([])
    expect(await refusalOf(glue.send(new ListSchemasCommand({ RegistryId: { RegistryName: 'no-such-one' } })))).toContain('Registry is not found.')
    await gateway.allow('bob', 'read', 'subject', 'orders-value')
    expect(await bob.send(new GetSchemaVersionCommand({ SchemaVersionId }))).toMatchObject({ VersionNumber: 1 })
    expect((await bob.send(new ListSchemasCommand({}))).Schemas).toHaveLength(1)
    expect(await refusalOf(bob.send(new RegisterSchemaVersionCommand({ SchemaId: orders, SchemaDefinition: record('a') })))).toContain('AccessDeniedException')
    await gateway.allow('bob', 'write', 'subject', 'own')
    await bob.send(new CreateSchemaCommand({ SchemaName: 'own', DataFormat: 'AVRO', Compatibility: 'BACKWARD', SchemaDefinition: record('a') }))
    await gateway.allow('bob', 'write', 'subject', 'loose')
    expect(await refusalOf(bob.send(new CreateSchemaCommand({ SchemaName: 'loose', DataFormat: 'AVRO', Compatibility: 'NONE', SchemaDefinition: record('a') })))).toContain('AccessDeniedException')
  })

  test('a wrong signature is refused before anything is read', async () => {
    const { gateway } = await start()
    const answer = await gateway.as().post('/glue').set('x-amz-target', 'AWSGlue.ListSchemas').set('content-type', 'application/x-amz-json-1.1').send('{}').responseType('blob')
    expect([answer.status, JSON.parse((answer.body as Buffer).toString())]).toEqual([400, { __type: 'MissingAuthenticationTokenException', Message: 'Missing Authentication Token' }])
    expect((await gateway.as().get('/glue')).status).toBe(400)
    expect((await gateway.as(admin).post('/')).status).toBe(200)
  })
})
