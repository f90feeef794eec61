// The sample subjects under schemas/: the first version registers, the compatible one follows it, the incompatible one is refused with the reason.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { registryApp } from '../support/registry-app.ts'

const read = (name: string): Promise<string> => readFile(join(import.meta.dirname, '../../schemas', name), 'utf8')

describe.each([
  ['orders-value', 'avsc', 'AVRO'],
  ['payments-value', 'json', 'JSON'],
])('%s', (subject, extension, schemaType) => {
  test('takes its compatible next version and refuses the incompatible one', async () => {
    const { app } = await registryApp()
    const register = async (version: string): Promise<request.Response> =>
      request(app).post(`/subjects/${subject}/versions`).send({ schemaType, schema: await read(`${subject}.${version}.${extension}`) })
    expect((await register('v1')).body).toMatchObject({ version: 1, id: 1 })
    const refused = await register('v2-incompatible')
    expect(refused.status).toBe(409)
    expect(refused.body.error_code).toBe(40901)
    expect(refused.body.message).toContain('{oldSchemaVersion: 1}')
    expect((await register('v2-compatible')).body).toMatchObject({ version: 2, id: 2 })
    expect((await request(app).get(`/subjects/${subject}/versions`)).body).toEqual([1, 2])
  })
})
