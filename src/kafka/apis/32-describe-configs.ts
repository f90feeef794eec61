// DescribeConfigs v1-4. The configuration of topics (2) and brokers (4; '' for the cluster-wide default), each value with where it comes from.
// - Null or no keys means all of them. Sensitive values are null. v3+ adds types and, on demand, documentation.
// - Broker loggers (8), client metrics (16) and groups (32) have no configuration here: INVALID_REQUEST.
import { Refusal, type ConfigEntry } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { byRule } from '../access.ts'
import { serve } from '../api.ts'
import { configResourceOf, deniedOn, unknownResourceText } from '../config-resource.ts'
import type { Context } from '../context.ts'
import { denialOf, denialTextOf, ErrorCode, errorCodeOf } from '../errors.ts'

export const DescribeConfigs = defineApi({
  key: 32, name: 'DescribeConfigs', versions: '1-4', flexible: '4+',
  request: {
    resources: array({ resourceType: int8, resourceName: string, configurationKeys: array(string).nullable() }),
    includeSynonyms: boolean.default(false),
    includeDocumentation: boolean.in('3+').default(false),
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      errorCode: int16, errorMessage: string.nullable(), resourceType: int8, resourceName: string,
      configs: array({
        name: string, value: string.nullable(), readOnly: boolean, configSource: int8.default(-1), isSensitive: boolean,
        synonyms: array({ name: string, value: string.nullable(), source: int8 }),
        configType: int8.in('3+').default(0), documentation: string.in('3+').nullable().default(null),
      }),
    }),
  },
})

export interface DescribeConfigsRequest extends RequestOf<typeof DescribeConfigs> {}
export interface DescribeConfigsResponse extends ResponseOf<typeof DescribeConfigs> {}
type Resource = DescribeConfigsRequest['resources'][number]
type Result = DescribeConfigsResponse['results'][number]

export const describeConfigs = serve(DescribeConfigs, {
  access: byRule('DESCRIBE_CONFIGS Topic or Cluster', (request, context) => {
    const allowed: Resource[] = []
    const denied: Result[] = []
    for (const resource of request.resources) {
      const on = deniedOn(resource, 'describe-configs', context)
      if (on === undefined) allowed.push(resource)
      else denied.push(failed(resource, denialOf(on), denialTextOf(on)))
    }
    return { request: { ...request, resources: allowed }, complete: response => ({ ...response, results: [...response.results, ...denied] }) }
  }),
}, handle)

async function handle(request: DescribeConfigsRequest, context: Context): Promise<DescribeConfigsResponse> {
  return { results: await Promise.all(request.resources.map(resource => describe(resource, request, context))) }
}

async function describe(resource: Resource, request: DescribeConfigsRequest, context: Context): Promise<Result> {
  const target = configResourceOf(resource)
  if (target === undefined) return failed(resource, ErrorCode.INVALID_REQUEST, unknownResourceText(resource.resourceType))
  const entries = await context.admin.describeConfigs(target)
  if (entries instanceof Refusal) return failed(resource, errorCodeOf(entries), entries.message)
  const keys = resource.configurationKeys === null || resource.configurationKeys.length === 0 ? undefined : new Set(resource.configurationKeys)
  const { resourceType, resourceName } = resource
  const isClusterDefault = target.type === 'broker' && target.name === ''
  const shown = entries.filter(entry => keys === undefined || keys.has(entry.name))
  return {
    errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName,
    configs: shown.map(entry => ({
      name: entry.name,
      value: entry.sensitive ? null : entry.value,
      readOnly: entry.readOnly,
      configSource: sourceCode(entry.source, isClusterDefault),
      isSensitive: entry.sensitive,
      synonyms: request.includeSynonyms
        ? entry.synonyms.map(({ name, value, source }) => ({ name, value: entry.sensitive ? null : value, source: sourceCode(source, isClusterDefault) })) : [],
      configType: typeCodes[entry.type],
      documentation: request.includeDocumentation ? entry.documentation : null,
    })),
  }
}

function failed({ resourceType, resourceName }: Resource, errorCode: number, errorMessage: string): Result {
  return { errorCode, errorMessage, resourceType, resourceName, configs: [] }
}

const typeCodes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const satisfies Record<ConfigEntry['type'], number>
const sourceCodes = { 'topic': 1, 'dynamic-broker': 2, 'static-broker': 4, 'default': 5 } as const satisfies Record<ConfigEntry['source'], number>
const clusterDefaultSource = 3

/** What is set for all brokers has a number of its own. */
function sourceCode(source: ConfigEntry['source'], isClusterDefault: boolean): number {
  return isClusterDefault && source === 'dynamic-broker' ? clusterDefaultSource : sourceCodes[source]
}
