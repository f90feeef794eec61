// A consumer as the Kinesis Client Library is one, as small as it can be: workers share the shards of a stream by leases in a DynamoDB table (dynalite), each lease taken and kept
// by conditional writes of its counter. A worker checkpoints what it has done with; at the end of a closed shard it makes leases for the shards that GetRecords names as children,
// which are taken only once all of their parents are finished.
import { once } from 'node:events'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type AttributeValue, ConditionalCheckFailedException, CreateTableCommand, DynamoDBClient, PutItemCommand, ScanCommand, UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { type ChildShard, GetRecordsCommand, GetShardIteratorCommand, type KinesisClient, ListShardsCommand, type _Record as KinesisRecord } from '@aws-sdk/client-kinesis'

const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server

const pollMs = 20
/** A lease whose counter has not moved for so long is anybody's. */
const failoverMs = 1_500
const recordsPerCall = 500

export type Item = Record<string, AttributeValue>

/** A lease table in a DynamoDB of its own, in memory. */
export class LeaseTable implements AsyncDisposable {
  readonly client: DynamoDBClient
  readonly name: string
  /** Where DynamoDB is. */
  readonly endpoint: string
  readonly #server: Server

  private constructor(server: Server, name: string) {
    this.#server = server
    this.name = name
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.client = new DynamoDBClient({
      endpoint: this.endpoint, region: 'us-east-1', credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    })
  }

  /** With the index that KCL 3 looks leases up by: it would add one to a table without, which dynalite does not know how to. `name` is that of the application. */
  static async open(name = 'leases'): Promise<LeaseTable> {
    const server = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const table = new LeaseTable(server, name)
    await table.client.send(new CreateTableCommand({
      TableName: table.name, BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }, { AttributeName: 'leaseOwner', AttributeType: 'S' }],
      GlobalSecondaryIndexes: [{
        IndexName: 'LeaseOwnerToLeaseKeyIndex', Projection: { ProjectionType: 'KEYS_ONLY' },
        KeySchema: [{ AttributeName: 'leaseOwner', KeyType: 'HASH' }, { AttributeName: 'leaseKey', KeyType: 'RANGE' }],
      }],
    }))
    return table
  }

  async scan(): Promise<Item[]> {
    return (await this.client.send(new ScanCommand({ TableName: this.name, ConsistentRead: true }))).Items ?? []
  }

  /** A lease that is there already stays as it is. */
  async add(item: Item): Promise<void> {
    await this.#unlessRefused(this.client.send(new PutItemCommand({ TableName: this.name, Item: item, ConditionExpression: 'attribute_not_exists(leaseKey)' })))
  }

  /** False where the counter is not the one given: somebody else has the lease. */
  async update(leaseKey: string, counter: number, owner: string, checkpoint?: string): Promise<boolean> {
    return this.#unlessRefused(this.client.send(new UpdateItemCommand({
      TableName: this.name, Key: { leaseKey: { S: leaseKey } },
      UpdateExpression: `SET leaseCounter = :next, leaseOwner = :owner${checkpoint === undefined ? '' : ', checkpoint = :checkpoint'}`,
      ConditionExpression: 'leaseCounter = :counter',
      ExpressionAttributeValues: { ':next': { N: String(counter + 1) }, ':owner': { S: owner }, ':counter': { N: String(counter) }, ...checkpoint !== undefined && { ':checkpoint': { S: checkpoint } } },
    })))
  }

  async #unlessRefused(write: Promise<unknown>): Promise<boolean> {
    try {
      await write
      return true
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy()
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

export interface WorkerOptions {
  readonly id: string
  readonly kinesis: KinesisClient
  readonly table: LeaseTable
  readonly stream: string
  /** Given each page before it is checkpointed. */
  readonly process: (shardId: string, records: readonly KinesisRecord[]) => void
}

export class Worker {
  /** What was processed but not checkpointed, when it was killed. */
  readonly inHand: KinesisRecord[] = []
  readonly #options: WorkerOptions
  readonly #seen = new Map<string, { readonly counter: number; readonly sinceMs: number }>()
  readonly #held = new Map<string, Promise<void>>()
  readonly #taking: Promise<void>
  #isOver = false
  #isDead = false

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#taking = this.#take()
  }

  /** Finishes the page at hand, checkpoints, and ends. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#taking
    await Promise.all(this.#held.values())
  }

  /** Ends without another checkpoint, as a process that is killed. */
  async kill(): Promise<void> {
    this.#isDead = true
    await this.stop()
  }

  async #take(): Promise<void> {
    const { kinesis, table, stream, id } = this.#options
    if ((await table.scan()).length === 0) {
      const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName: stream, ShardFilter: { Type: 'AT_TRIM_HORIZON' } }))
      for (const shard of Shards) await table.add(leaseOf(shard.ShardId!, []))
    }
    while (!this.#isOver) {
      const items = await table.scan()
      const finished = new Set(items.filter(item => item['checkpoint']!.S === 'SHARD_END').map(item => item['leaseKey']!.S!))
      for (const item of items) {
        const [key, counter] = [item['leaseKey']!.S!, Number(item['leaseCounter']!.N)]
        const areParentsDone = (item['parentShardId']?.SS ?? []).every(parent => finished.has(parent) || !items.some(other => other['leaseKey']!.S === parent))
        if (this.#held.has(key) || finished.has(key) || !areParentsDone || !this.#isFree(key, counter, item['leaseOwner'] === undefined)) continue
        if (!await table.update(key, counter, id)) continue
        const reading = this.#read(key, counter + 1, item['checkpoint']!.S!).finally(() => this.#held.delete(key))
        this.#held.set(key, reading)
      }
      await pause(pollMs)
    }
  }

  #isFree(key: string, counter: number, isUnowned: boolean): boolean {
    const seen = this.#seen.get(key)
    if (seen?.counter !== counter) this.#seen.set(key, { counter, sinceMs: performance.now() })
    return isUnowned || (seen?.counter === counter && performance.now() - seen.sinceMs > failoverMs)
  }

  async #read(shardId: string, leaseCounter: number, checkpoint: string): Promise<void> {
    const { kinesis, table, stream, id, process: take } = this.#options
    let counter = leaseCounter
    const start = checkpoint === 'TRIM_HORIZON' || checkpoint === 'LATEST'
      ? { ShardIteratorType: checkpoint } as const
      : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: checkpoint } as const
    let { ShardIterator: iterator } = await kinesis.send(new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ...start }))
    while (!this.#isOver) {
      const { Records = [], NextShardIterator, ChildShards = [] } = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator!, Limit: recordsPerCall }))
      if (Records.length > 0) take(shardId, Records)
      if (this.#isDead) {
        this.inHand.push(...Records)
        return
      }
      const isEnd = NextShardIterator === undefined
      if (isEnd) {
        expectChildren(shardId, ChildShards)
        for (const child of ChildShards) await table.add(leaseOf(child.ShardId!, child.ParentShards!))
      }
      if (!await table.update(shardId, counter, id, isEnd ? 'SHARD_END' : Records.at(-1)?.SequenceNumber)) return
      counter++
      if (isEnd) return
      iterator = NextShardIterator
      if (Records.length === 0) await pause(pollMs)
    }
  }
}

/** What KCL refuses to go on without: no iterator means children, each with its parents (DataRetrievalUtil.isValidResult). */
function expectChildren(shardId: string, children: readonly ChildShard[]): void {
  if (children.length === 0 || children.some(child => !child.ParentShards?.includes(shardId))) {
    throw new Error(`${shardId} has ended with children that KCL does not take: ${JSON.stringify(children)}`)
  }
}

function leaseOf(shardId: string, parents: readonly string[]): Item {
  return {
    leaseKey: { S: shardId }, leaseCounter: { N: '0' }, checkpoint: { S: 'TRIM_HORIZON' }, checkpointSubSequenceNumber: { N: '0' }, ownerSwitchesSinceCheckpoint: { N: '0' },
    ...parents.length > 0 && { parentShardId: { SS: [...parents] } },
  }
}
