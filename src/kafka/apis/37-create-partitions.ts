// CreatePartitions v0-3. Grows topics to a new partition count, with broker ids for the new partitions if given. Answers when the partitions stand, so
// timeoutMs bounds nothing.
// Version notes: v1: throttle before the answer; v2: flexible; v3: may answer THROTTLING_QUOTA_EXCEEDED, which we never do.
import { array, boolean, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onEach } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, ErrorCode, errorCodeOf, errorMessageOf } from '../errors.ts'

export const CreatePartitions = defineApi({
  key: 37, name: 'CreatePartitions', versions: '0-3', flexible: '2+',
  request: {
    topics: array({ name: string, count: int32, assignments: array({ brokerIds: array(int32) }).nullable() }),
    timeoutMs: int32,
    validateOnly: boolean,
  },
  response: { throttleTimeMs: int32.default(0), results: array({ name: string, errorCode: int16, errorMessage: string.nullable().default(null) }) },
})

export interface CreatePartitionsRequest extends RequestOf<typeof CreatePartitions> {}
export interface CreatePartitionsResponse extends ResponseOf<typeof CreatePartitions> {}
type Growth = CreatePartitionsRequest['topics'][number]
type Result = CreatePartitionsResponse['results'][number]

export const createPartitions = serve(CreatePartitions, {
  access: onEach<CreatePartitionsRequest, CreatePartitionsResponse, Growth>('alter', 'topic', {
    items: request => request.topics,
    name: topic => topic.name,
    keep: (request, topics) => ({ ...request, topics }),
    refuse: ({ results }, topics, errorCode) => {
      const names = new Set(topics.map(topic => topic.name))
      return { results: [...results, ...[...names].map(name => ({ name, errorCode, errorMessage: denialTextOf('topic') }))] }
    },
  }),
}, handle)

async function handle(request: CreatePartitionsRequest, context: Context): Promise<CreatePartitionsResponse> {
  const results: Result[] = []
  for (const [name, wanted] of Map.groupBy(request.topics, topic => topic.name)) {
    if (wanted.length === 1) results.push(await grow(wanted[0]!, request.validateOnly, context))
    else results.push({ name, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: `Topic '${name}' stands ${wanted.length} times in the request.` })
  }
  return { results }
}

async function grow({ name, count, assignments }: Growth, validateOnly: boolean, context: Context): Promise<Result> {
  const assignment = assignments?.map(one => one.brokerIds)
  const grown = await context.admin.createPartitions(name, count, { validateOnly, ...assignment !== undefined && { assignment } })
  return { name, errorCode: errorCodeOf(grown), errorMessage: errorMessageOf(grown) }
}
