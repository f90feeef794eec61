import { describe, expect, it } from 'vitest'
import { ApiVersions } from '../../../src/kafka/apis/18-api-versions.ts'
import { apis } from '../../../src/kafka/apis/index.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { startBroker } from '../broker.ts'
import { answerOf, RawClient } from '../raw-client.ts'

const client = { clientSoftwareName: 'test-client', clientSoftwareVersion: '1.2.3' }

describe('ApiVersions', () => {
  it('lists every API in every version, Produce and JoinGroup from 0 for old librdkafka', async () => {
    await using broker = await startBroker()
    using peer = await RawClient.connect(broker.port)
    for (let version = 0; version <= 4; version++) {
      const { errorCode, apiKeys, finalizedFeatures } = await peer.ask(ApiVersions, version, client)
      expect(errorCode).toBe(0)
      expect(apiKeys.map(api => api.apiKey)).toEqual(apis.map(api => api.definition.key))
      expect(apiKeys.find(api => api.apiKey === 0)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 })
      expect(apiKeys.find(api => api.apiKey === 11)).toEqual({ apiKey: 11, minVersion: 0, maxVersion: 9 })
      // A finalized transaction.version would make producers use transactions that are not there.
      expect(finalizedFeatures).toEqual([])
    }
  })

  it('answers with the oldest header in all versions: an extra byte there has made clients ask for gigabytes', async () => {
    await using broker = await startBroker()
    using peer = await RawClient.connect(broker.port)
    peer.tell(ApiVersions, 4, client)
    const { body } = await peer.frame()
    expect(body.readInt16BE(0), 'the error code stands right behind the correlation id').toBe(0)
    expect(answerOf(ApiVersions, 4, body).apiKeys).toHaveLength(apis.length)
  })

  it('takes only client names that look like names', async () => {
    await using broker = await startBroker()
    using peer = await RawClient.connect(broker.port)
    for (const clientSoftwareName of ['', '-x', 'x-', 'a b', 'a\nb', 'x'.repeat(1000) + '!']) {
      expect((await peer.ask(ApiVersions, 3, { ...client, clientSoftwareName })).errorCode, clientSoftwareName).toBe(ErrorCode.INVALID_REQUEST)
    }
    for (const clientSoftwareName of ['a', 'apache-kafka-java', 'x'.repeat(1000)]) expect((await peer.ask(ApiVersions, 3, { ...client, clientSoftwareName })).errorCode).toBe(0)
  })
})
