// What members of a consumer group tell each other through its coordinator, in the bytes of Kafka's ConsumerProtocol: which topics a member wants
// (Subscription), and which partitions it was given (Assignment). So REST consumers share a group with any other Kafka consumer.
import type { PartitionRef } from '../../../ports.ts'
import { Reader, WireError } from '../../../wire/bytes.ts'
import { array, bytes, int32, Message, string } from '../../../wire/schema.ts'

/** The protocol type of every group of consumers. */
export const consumerProtocolType = 'consumer'

/** The version that is written: 1 says what the member owns, which with eager rebalancing is nothing. Any is read: later ones add at the end. */
const subscriptionVersion = 1
const assignmentVersion = 0

const subscription = new Message({
  topics: array(string),
  userData: bytes.nullable().default(null),
  ownedPartitions: array({ topic: string, partitions: array(int32) }).in('1+').default([]),
}, { versions: '0-1', name: 'ConsumerProtocolSubscription' })

const assignment = new Message({
  assignedPartitions: array({ topic: string, partitions: array(int32) }),
  userData: bytes.nullable().default(null),
}, { versions: '0', name: 'ConsumerProtocolAssignment' })

export function encodeSubscription(topics: readonly string[]): Buffer {
  return versioned(subscriptionVersion, subscription.encode({ topics }, subscriptionVersion))
}

/** The topics that a member wants; none where its bytes are not a subscription. */
export function topicsOfSubscription(metadata: Buffer): readonly string[] {
  return orNothing(metadata, reader => subscription.decode(reader, 0).topics)
}

export function encodeAssignment(partitions: readonly PartitionRef[]): Buffer {
  const byTopic = Map.groupBy(partitions, at => at.topic)
  const assignedPartitions = [...byTopic].map(([topic, of]) => ({ topic, partitions: of.map(at => at.partition) }))
  return versioned(assignmentVersion, assignment.encode({ assignedPartitions }, assignmentVersion))
}

/** The partitions that a member was given; none where its bytes are no assignment (an empty one, for a member that the leader left out). */
export function partitionsOfAssignment(given: Buffer): readonly PartitionRef[] {
  return orNothing(given, reader => assignment.decode(reader, 0).assignedPartitions.flatMap(({ topic, partitions }) => partitions.map(partition => ({ topic, partition }))))
}

function versioned(version: number, body: Buffer): Buffer {
  const prefix = Buffer.alloc(2)
  prefix.writeInt16BE(version)
  return Buffer.concat([prefix, body])
}

/** These bytes come from other clients, who may write what they like. */
function orNothing<T>(given: Buffer, read: (reader: Reader) => readonly T[]): readonly T[] {
  try {
    const reader = new Reader(given)
    reader.int16()
    return read(reader)
  } catch (error) {
    if (error instanceof WireError) return []
    throw error
  }
}
