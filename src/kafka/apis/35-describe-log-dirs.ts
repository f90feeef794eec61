// DescribeLogDirs v1-4. The data directories of the broker that is asked, with the replicas in them: of the named partitions, or (null) of all. A directory
// that failed is KAFKA_STORAGE_ERROR, without replicas.
// Version notes: v2: flexible; v3: an error code of the whole, before it a denied caller is shown no directory; v4: bytes of the volume. A broker with a
// storage limit shows a volume of that size.
import { Refusal, type LogDirectory, type LogDirectoryReplica } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, int64, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode, errorCodeOf } from '../errors.ts'

export const DescribeLogDirs = defineApi({
  key: 35, name: 'DescribeLogDirs', versions: '1-4', flexible: '2+',
  request: { topics: array({ topic: string, partitions: array(int32) }).nullable() },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.in('3+'),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({ name: string, partitions: array({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: boolean }) }),
      totalBytes: int64.in('4+').default(-1),
      usableBytes: int64.in('4+').default(-1),
    }),
  },
})

export interface DescribeLogDirsRequest extends RequestOf<typeof DescribeLogDirs> {}
export interface DescribeLogDirsResponse extends ResponseOf<typeof DescribeLogDirs> {}
type Result = DescribeLogDirsResponse['results'][number]

export const describeLogDirs = serve(DescribeLogDirs, {
  access: onCluster('describe', (errorCode): DescribeLogDirsResponse => ({ errorCode, results: [] })),
}, handle)

async function handle({ topics }: DescribeLogDirsRequest, { admin, brokerId }: Context): Promise<DescribeLogDirsResponse> {
  // All are asked for, as what counts against a limit is what lies in all of them.
  const directories = await admin.logDirectories(brokerId, null)
  if (directories instanceof Refusal) return { errorCode: errorCodeOf(directories), results: [] }
  const wanted = topics === null ? undefined : new Map(topics.map(({ topic, partitions }) => [topic, new Set(partitions)]))
  const usedBytes = directories.flatMap(directory => directory.replicas).reduce((sum, replica) => sum + replica.bytes, 0)
  const isWanted = ({ topic, partition }: LogDirectoryReplica): boolean => wanted === undefined || wanted.get(topic)?.has(partition) === true
  return { errorCode: ErrorCode.NONE, results: directories.map(directory => describe(directory, directory.replicas.filter(isWanted), usedBytes)) }
}

function describe(directory: LogDirectory, replicas: readonly LogDirectoryReplica[], usedBytes: number): Result {
  if (directory.failed !== undefined) return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: directory.path, topics: [] }
  const byTopic = Map.groupBy(replicas, replica => replica.topic)
  return {
    errorCode: ErrorCode.NONE,
    logDir: directory.path,
    topics: [...byTopic].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, bytes, lag, isFuture }) => (
        { partitionIndex: partition, partitionSize: bytes, offsetLag: lag, isFutureKey: isFuture }
      )),
    })),
    ...volumeOf(directory, usedBytes),
  }
}

function volumeOf({ totalBytes, usableBytes, limitBytes }: LogDirectory, usedBytes: number): { totalBytes: number; usableBytes: number } {
  if (limitBytes === undefined) return { totalBytes, usableBytes }
  const smaller = (known: number, limit: number): number => (known < 0 ? limit : Math.min(known, limit))
  return { totalBytes: smaller(totalBytes, limitBytes), usableBytes: smaller(usableBytes, Math.max(0, limitBytes - usedBytes)) }
}
