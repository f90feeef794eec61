// Long lists: made as they are read, whole in the end, and never a list that looks whole where it is not.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import express, { type Express, type Response } from 'express'
import request from 'supertest'
import { expect, test } from 'vitest'
import { answerProblems } from '../../../src/gateway/problem.ts'
import { problemOf } from '../../../src/gateway/registry/refusals.ts'
import { answerArray } from '../../../src/gateway/registry/array-answer.ts'
import { refusals } from '../../../src/registry/errors.ts'
import { listening, silent } from '../../support/registry-app.ts'

const megabyte = 1024 * 1024

function appOf(items: (response: Response) => Iterable<object>): Express {
  const app = express()
  app.get('/', async (_request, response) => {
    response.type('application/json')
    await answerArray(response, items(response))
  })
  app.use(answerProblems(silent))
  return app
}

async function ask(url: string): Promise<IncomingMessage> {
  const [answer] = await once(get(url), 'response') as [IncomingMessage]
  return answer
}

test.each([0, 1, 3])('%i small items are one text', async count => {
  const items = Array.from({ length: count }, (_, at) => ({ at }))
  const { body, headers } = await request(appOf(() => items)).get('/').expect(200)
  expect(body).toEqual(items)
  expect(headers['content-length']).toBe(String(JSON.stringify(items).length))
})

test('64 MiB are made no faster than they are read', async () => {
  let made = 0
  let read = 0
  let ahead = 0
  const text = 'x'.repeat(megabyte)
  await using server = await listening(appOf(function* () {
    for (; made < 64; made++) {
      ahead = Math.max(ahead, made * megabyte - read)
      yield { made, text }
    }
  }))
  const answer = await ask(server.url)
  const parts: Buffer[] = []
  for await (const part of answer as AsyncIterable<Buffer>) {
    read += part.length
    parts.push(part)
  }
  const items = JSON.parse(Buffer.concat(parts).toString()) as { made: number; text: string }[]
  expect(items.map(each => [each.made, each.text.length])).toEqual(Array.from({ length: 64 }, (_, at) => [at, megabyte]))
  // What the two ends of a connection hold between them.
  expect(ahead).toBeLessThan(32 * megabyte)
})

test('a client that goes away ends it', async () => {
  let made = 0
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  await using server = await listening(appOf(function* () {
    try {
      for (; made < 10_000; made++) yield { text: 'x'.repeat(megabyte) }
    } finally {
      end()
    }
  }))
  const answer = await ask(server.url)
  answer.destroy()
  await ended
  expect(made).toBeLessThan(10_000)
})

test('an item that cannot be made is the answer, or breaks off what has begun', async () => {
  const failing = (before: number): Express => appOf(function* () {
    for (let at = 0; at < before; at++) yield { text: 'x'.repeat(megabyte) }
    throw problemOf(refusals.unsupportedFormat('none'))
  })
  expect((await request(failing(0)).get('/')).body).toMatchObject({ error_code: expect.any(Number), message: expect.stringContaining('none') })
  await using server = await listening(failing(2))
  const answer = await ask(server.url)
  await expect((async () => { for await (const _part of answer); })()).rejects.toThrow('aborted')
})
