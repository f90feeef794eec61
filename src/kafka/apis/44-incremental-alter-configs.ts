// IncrementalAlterConfigs v0-1. Sets (0), deletes (1), appends to (2) or subtracts from (3) single values of a topic's (2) or broker's (4) configuration.
// - Per resource all changes are made or none; validateOnly makes none.
// - A resource that is named twice, a key twice in one resource, an unknown operation, and null for anything but delete are INVALID_REQUEST.
import { Refusal, type ConfigChange } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { byRule } from '../access.ts'
import { serve } from '../api.ts'
import { configResourceOf, deniedOn, unknownResourceText } from '../config-resource.ts'
import type { Context } from '../context.ts'
import { denialOf, denialTextOf, ErrorCode, errorCodeOf } from '../errors.ts'

export const IncrementalAlterConfigs = defineApi({
  key: 44, name: 'IncrementalAlterConfigs', versions: '0-1', flexible: '1+',
  request: {
    resources: array({ resourceType: int8, resourceName: string, configs: array({ name: string, configOperation: int8, value: string.nullable() }) }),
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    responses: array({ errorCode: int16, errorMessage: string.nullable(), resourceType: int8, resourceName: string }),
  },
})

export interface IncrementalAlterConfigsRequest extends RequestOf<typeof IncrementalAlterConfigs> {}
export interface IncrementalAlterConfigsResponse extends ResponseOf<typeof IncrementalAlterConfigs> {}
type Resource = IncrementalAlterConfigsRequest['resources'][number]
type Answer = IncrementalAlterConfigsResponse['responses'][number]

export const incrementalAlterConfigs = serve(IncrementalAlterConfigs, {
  access: byRule('ALTER_CONFIGS Topic or Cluster', (request, context) => {
    const allowed: Resource[] = []
    const denied: Answer[] = []
    for (const resource of request.resources) {
      const on = deniedOn(resource, 'alter-configs', context)
      if (on === undefined) allowed.push(resource)
      else denied.push(answer(resource, denialOf(on), denialTextOf(on)))
    }
    return { request: { ...request, resources: allowed }, complete: response => ({ ...response, responses: [...response.responses, ...denied] }) }
  }),
}, handle)

async function handle(request: IncrementalAlterConfigsRequest, context: Context): Promise<IncrementalAlterConfigsResponse> {
  const { resources, validateOnly } = request
  const responses: Answer[] = []
  for (const resource of resources) {
    const isTwice = resources.some(other => other !== resource && other.resourceType === resource.resourceType && other.resourceName === resource.resourceName)
    if (isTwice) responses.push(answer(resource, ErrorCode.INVALID_REQUEST, `resource '${resource.resourceName}' is named twice`))
    else responses.push(await alter(resource, validateOnly, context))
  }
  return { responses }
}

async function alter(resource: Resource, validateOnly: boolean, context: Context): Promise<Answer> {
  const target = configResourceOf(resource)
  if (target === undefined) return answer(resource, ErrorCode.INVALID_REQUEST, unknownResourceText(resource.resourceType))
  const changes: ConfigChange[] = []
  for (const { name, configOperation, value } of resource.configs) {
    const operation = operations[configOperation]
    if (operation === undefined) return answer(resource, ErrorCode.INVALID_REQUEST, `operation ${configOperation} on '${name}' is not known`)
    if (operation !== 'delete' && value === null) return answer(resource, ErrorCode.INVALID_REQUEST, `null cannot be set for '${name}'`)
    if (changes.some(change => change.name === name)) return answer(resource, ErrorCode.INVALID_REQUEST, `'${name}' is named twice`)
    changes.push({ name, operation, value: operation === 'delete' ? null : value })
  }
  const altered = await context.admin.alterConfigs(target, changes, { validateOnly })
  return altered instanceof Refusal ? answer(resource, errorCodeOf(altered), altered.message) : answer(resource, ErrorCode.NONE, null)
}

const operations: readonly (ConfigChange['operation'] | undefined)[] = ['set', 'delete', 'append', 'subtract']

function answer({ resourceType, resourceName }: Resource, errorCode: number, errorMessage: string | null): Answer {
  return { errorCode, errorMessage, resourceType, resourceName }
}
