// A JSON array as an answer, made while it is read: a page of versions may be a gigabyte of schemas, which is never held as one text.
import { setImmediate } from 'node:timers/promises'
import type { Response } from 'express'

const partCharacters = 64 * 1024

/**
 * Sends the items as they come, whole where they are small; the type of the answer is set already. An item that cannot be made (a Problem) is the answer where
 * none has been sent yet, else the connection ends without the end of the array.
 */
export async function answerArray(response: Response, items: Iterable<object>): Promise<void> {
  let text = '['
  let separator = ''
  try {
    for (const item of items) {
      text += separator + JSON.stringify(item)
      separator = ','
      if (text.length < partCharacters) continue
      if (!response.write(text)) await drained(response)
      else await setImmediate()
      if (response.destroyed) return
      text = ''
    }
  } catch (error) {
    if (!response.headersSent) throw error
    response.destroy(error as Error)
    return
  }
  text += ']'
  if (response.headersSent) response.end(text)
  else response.send(text)
}

async function drained(response: Response): Promise<void> {
  if (response.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = (): void => resolve()
  response.once('drain', done).once('close', done)
  await promise
  response.off('drain', done).off('close', done)
}
