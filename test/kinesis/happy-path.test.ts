// Every operation that is served answers over every transport, in either form.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/kinesis/operations/index.ts'
import { type KinesisServer, startKinesis } from '../../src/kinesis/server.ts'
import { model } from './model/model.ts'
import { selfSigned } from './support/certificate.ts'
import { forms } from './support/forms.ts'
import { steps, walk } from './support/happy-path.ts'
import { goldenInputs, readGolden } from './support/java-golden.ts'
import { type TestKinesis, realClock, testKinesis } from './support/kinesis.ts'
import { rawClient, transports } from './support/raw-client.ts'

const certificate = selfSigned()
const names = operations.map(({ operation }) => operation.name)

let kinesis: TestKinesis
let server: KinesisServer
beforeAll(async () => {
  kinesis = await testKinesis({ clock: realClock })
  server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, tls: certificate, handler: kinesis.handler, logger: kinesis.logger })
})
afterAll(() => server.close())

it('the walk through the operations has each of the model', () => {
  expect(steps.map(({ operation }) => operation).toSorted()).toEqual(Object.keys(model.operations).toSorted())
})

it('what stands for the SDK for Java sends the bytes that the SDK has sent', () => {
  expect(goldenInputs.map(({ operation, input }) => ({ operation, body: forms.cbor.encode(input).toString('hex') })))
    .toEqual(readGolden().map(({ operation, body }) => ({ operation, body })))
})

describe.each(['json', 'cbor'] as const)('in %s', form => {
  it.each(transports)('every operation answers over %s', async transport => {
    const { done, failures } = await walk(rawClient({ form, transport, port: server.port, ca: certificate.cert }), name => names.includes(name))
    expect(failures).toEqual([])
    expect(done.toSorted()).toEqual(names.toSorted())
    expect(kinesis.logger.lines.filter(line => line.level === 'error')).toEqual([])
  })
})
