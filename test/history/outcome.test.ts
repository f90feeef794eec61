// Errors are proof that nothing happened only where the broker guarantees it.
import kafkajs from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { nameOfKafkajsError, outcomeOf } from './outcome.ts'

describe('a send that failed', () => {
  test.each(['MESSAGE_TOO_LARGE', 'MSG_SIZE_TOO_LARGE', 'INVALID_RECORD'])('with %s did not happen, however often it was tried', error => {
    expect([outcomeOf(error, 'one'), outcomeOf(error, 'several')]).toEqual(['fail', 'fail'])
  })

  test.each(['TOPIC_AUTHORIZATION_FAILED', 'NOT_ENOUGH_REPLICAS', 'INVALID_PRODUCER_EPOCH'])('with %s did not happen where it was tried once; an earlier attempt may have', error => {
    expect([outcomeOf(error, 'one'), outcomeOf(error, 'several')]).toEqual(['fail', 'info'])
  })

  test.each([
    'REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'NOT_LEADER_FOR_PARTITION', 'UNKNOWN', 'UNKNOWN_SERVER_ERROR', 'INVALID_TXN_STATE', 'KAFKA_STORAGE_ERROR',
    'OUT_OF_ORDER_SEQUENCE_NUMBER', '_MSG_TIMED_OUT', '_TRANSPORT', 'KafkaJSRequestTimeoutError', 'KafkaJSConnectionError', 'constructor',
  ])('with %s may have happened', error => {
    expect([outcomeOf(error, 'one'), outcomeOf(error, 'several')]).toEqual(['info', 'info'])
  })
})

test('kafkajs\' errors are known by Kafka\'s names', () => {
  const refused = new kafkajs.KafkaJSProtocolError({ type: 'NOT_ENOUGH_REPLICAS', code: 19, retriable: true } as never)
  expect(nameOfKafkajsError(new kafkajs.KafkaJSNumberOfRetriesExceeded(refused, { retryCount: 5, retryTime: 300 }))).toBe('NOT_ENOUGH_REPLICAS')
  expect(nameOfKafkajsError(new kafkajs.KafkaJSConnectionError('gone'))).toBe('KafkaJSConnectionError')
  expect(nameOfKafkajsError('text')).toBe('text')
})
