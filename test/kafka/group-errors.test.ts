// What members of a group are told by a broker that does not coordinate it: the code that sends them to FindCoordinator, from every group API and version.
import { describe, expect, it } from 'vitest'
import { OffsetCommit } from '../../src/kafka/apis/08-offset-commit.ts'
import { OffsetFetch } from '../../src/kafka/apis/09-offset-fetch.ts'
import { JoinGroup } from '../../src/kafka/apis/11-join-group.ts'
import { Heartbeat } from '../../src/kafka/apis/12-heartbeat.ts'
import { LeaveGroup } from '../../src/kafka/apis/13-leave-group.ts'
import { SyncGroup } from '../../src/kafka/apis/14-sync-group.ts'
import { DescribeGroups } from '../../src/kafka/apis/15-describe-groups.ts'
import { DeleteGroups } from '../../src/kafka/apis/42-delete-groups.ts'
import { groupErrorCodeOf } from '../../src/kafka/group-errors.ts'
import { Refusal, type RefusalCode } from '../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../support/kafka-desk.ts'

const elsewhere = async () => new Refusal('not-coordinator', 'broker 1 does not coordinate g')
const everything = {
  join: elsewhere, sync: elsewhere, heartbeat: elsewhere, leave: elsewhere, commit: elsewhere, committed: elsewhere, describe: elsewhere, delete: elsewhere,
}
const member = { groupId: 'g', memberId: 'm', generationId: 1 }

describe('a broker that does not coordinate the group', () => {
  it('says NOT_COORDINATOR in every version of every group API', async () => {
    const desk = kafkaDesk({ groups: everything })
    const topicId = await desk.topic('orders')
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]
    const codes: Record<string, readonly number[]> = {}
    const note = (what: string, version: number, found: readonly number[]): void => { codes[`${what} v${version}`] = found }
    for (const version of versionsOf(JoinGroup)) {
      const { errorCode } = await desk.send(JoinGroup, version, { ...member, sessionTimeoutMs: 1000, protocolType: 'consumer', protocols: [] })
      note('JoinGroup', version, [errorCode])
    }
    for (const version of versionsOf(SyncGroup)) {
      note('SyncGroup', version, [(await desk.send(SyncGroup, version, { ...member, protocolType: 'consumer', protocolName: 'range', assignments: [] })).errorCode])
    }
    for (const version of versionsOf(Heartbeat)) note('Heartbeat', version, [(await desk.send(Heartbeat, version, member)).errorCode])
    for (const version of versionsOf(LeaveGroup)) {
      note('LeaveGroup', version, [(await desk.send(LeaveGroup, version, { groupId: 'g', memberId: 'm', members: [{ memberId: 'm' }] })).errorCode])
    }
    for (const version of versionsOf(OffsetCommit)) {
      const answer = await desk.send(OffsetCommit, version, { groupId: 'g', memberId: '', topics: [{ name: 'orders', topicId, partitions }] })
      note('OffsetCommit', version, answer.topics.flatMap(topic => topic.partitions.map(one => one.errorCode)))
    }
    for (const version of versionsOf(OffsetFetch)) {
      const topics = [{ name: 'orders', topicId, partitionIndexes: [0] }]
      const answer = await desk.send(OffsetFetch, version, version < 8 ? { groupId: 'g', topics } : { groups: [{ groupId: 'g', topics }] })
      const said = version < 2 ? answer.topics.flatMap(topic => topic.partitions.map(one => one.errorCode)) : version < 8 ? [answer.errorCode] : [answer.groups[0]!.errorCode]
      note('OffsetFetch', version, said)
    }
    for (const version of versionsOf(DescribeGroups)) {
      note('DescribeGroups', version, (await desk.send(DescribeGroups, version, { groups: ['g'] })).groups.map(group => group.errorCode))
    }
    for (const version of versionsOf(DeleteGroups)) {
      note('DeleteGroups', version, (await desk.send(DeleteGroups, version, { groupsNames: ['g'] })).results.map(group => group.errorCode))
    }
    expect(codes).toEqual(Object.fromEntries(Object.keys(codes).map(what => [what, [16]])))
  })

  it('or cannot write to the group\'s log has its members look for the coordinator again', () => {
    const expected: Partial<Record<RefusalCode, number>> = {
      'not-coordinator': 16, 'not-leader': 16, 'fenced-leader-epoch': 16, 'storage-error': 16, 'leader-not-available': 15, 'broker-not-available': 15,
      'not-enough-replicas': 15, 'not-enough-replicas-after-append': 15, 'request-timed-out': 15, 'coordinator-load-in-progress': 14,
    }
    for (const [code, wanted] of Object.entries(expected)) expect(groupErrorCodeOf(new Refusal(code as RefusalCode, '')), code).toBe(wanted)
  })
})
