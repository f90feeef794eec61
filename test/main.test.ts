// The whole server as the composition root puts it together: what only shows where its parts meet.
import { describe, expect, it } from 'vitest'
import { ListOffsets } from '../src/kafka/apis/02-list-offsets.ts'
import { Metadata } from '../src/kafka/apis/03-metadata.ts'
import { RawClient } from './kafka/raw-client.ts'
import { startSluice } from './support/sluice.ts'

describe('the figures of a running server', () => {
  it('tell Kafka requests that failed from those that did not', async () => {
    await using sluice = await startSluice()
    using client = await RawClient.connect(sluice.ports.kafkaPlaintext!)
    await client.ask(Metadata, 4, { topics: null, allowAutoTopicCreation: false })
    const { topics } = await client.ask(ListOffsets, 5, { replicaId: -1, topics: [{ name: 'nowhere', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] })
    expect(topics[0]!.partitions[0]!.errorCode).toBe(3)
    const figures = await (await fetch(`http://127.0.0.1:${sluice.ports.management}/metrics`)).text()
    expect(figures).toContain('sluice_requests_total{facade="kafka",operation="Metadata",outcome="ok"} 1')
    expect(figures).toContain('sluice_requests_total{facade="kafka",operation="ListOffsets",outcome="error"} 1')
  })
})
