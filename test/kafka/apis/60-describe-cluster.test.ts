import { describe, expect, it } from 'vitest'
import { DescribeCluster } from '../../../src/kafka/apis/60-describe-cluster.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { notAsked } from '../../../src/kafka/operations.ts'
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
})
