import { describe, expect, it } from 'vitest'
import { DescribeCluster } from '../../../src/kafka/apis/60-describe-cluster.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { notAsked } from '../../../src/kafka/operations.ts'
import { threeBrokers } from '../three-brokers.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

describe('DescribeCluster', () => {
  it('shows the cluster and its brokers to everybody, in every version', async () => {
    for (const version of versionsOf(DescribeCluster)) {
      const desk = kafkaDesk()
      expect(await desk.send(DescribeCluster, version, { includeClusterAuthorizedOperations: false }, 'User:CN=nobody'), `v${version}`).toEqual({
        throttleTimeMs: 0, errorCode: 0, errorMessage: null, endpointType: 1, clusterId: 'bWVtb3J5LWJhY2tlbmQtMQ', controllerId: 1,
        brokers: [{ brokerId: 1, host: 'broker-1.test', port: 9001, rack: 'a', isFenced: false }], clusterAuthorizedOperations: notAsked,
      })
    }
  })

  it('tells what the caller may do on the cluster when asked', async () => {
    const desk = kafkaDesk()
    await desk.grant('User:CN=alice', 'alter', 'cluster', 'kafka-cluster')
    const { clusterAuthorizedOperations } = await desk.send(DescribeCluster, 1, { includeClusterAuthorizedOperations: true }, 'User:CN=alice')
    // ALTER is bit 7, DESCRIBE, which it implies, bit 8.
    expect(clusterAuthorizedOperations).toBe((1 << 7) | (1 << 8))
  })

  it('has no controller endpoints to show', async () => {
    const desk = kafkaDesk()
    const answer = await desk.send(DescribeCluster, 1, { includeClusterAuthorizedOperations: false, endpointType: 2 })
    expect(answer).toMatchObject({ errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE, endpointType: 2, brokers: [] })
    expect(answer.errorMessage).toContain('endpoint type 2')
  })

  it('shows fenced brokers from v2 on, when asked, where they last listened', async () => {
    const { admin, reach } = threeBrokers([], { states: ['running', 'fenced', 'running'], listening: [1, 2, 3] })
    const desk = kafkaDesk({ admin, reach })
    const shown = async (version: number, includeFencedBrokers = false) => (
      (await desk.send(DescribeCluster, version, { includeClusterAuthorizedOperations: false, includeFencedBrokers })).brokers
        .map(broker => [broker.brokerId, broker.port, broker.isFenced])
    )
    expect(await shown(1)).toEqual([[1, 9001, false], [3, 9003, false]])
    expect(await shown(2)).toEqual([[1, 9001, false], [3, 9003, false]])
    expect(await shown(2, true)).toEqual([[1, 9001, false], [2, 9002, true], [3, 9003, false]])
  })
})
