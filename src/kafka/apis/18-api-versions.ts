// ApiVersions v0-4. Which APIs are served, in which versions; the first thing a client asks. A version we do not know is answered in v0 (see dispatch.ts).
// - No features are finalized: clients take transaction.version, group.version and their like as promises, and what stands behind them is not offered.
// - v3+ the client tells its name and version, which must look like Kafka demands it (KIP-511), else INVALID_REQUEST.
import { array, boolean, defineApi, int16, int32, int64, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { open } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode } from '../errors.ts'

export const ApiVersions = defineApi({
  key: 18, name: 'ApiVersions', versions: '0-4', flexible: '3+',
  request: { clientSoftwareName: string.in('3+'), clientSoftwareVersion: string.in('3+') },
  response: {
    errorCode: int16,
    apiKeys: array({ apiKey: int16, minVersion: int16, maxVersion: int16 }),
    throttleTimeMs: int32.in('1+'),
    supportedFeatures: array({ name: string, minVersion: int16, maxVersion: int16 }).tag(0, '3+'),
    finalizedFeaturesEpoch: int64.tag(1, '3+').default(-1),
    finalizedFeatures: array({ name: string, maxVersionLevel: int16, minVersionLevel: int16 }).tag(2, '3+'),
    zkMigrationReady: boolean.tag(3, '3+').default(false),
  },
})

export interface ApiVersionsRequest extends RequestOf<typeof ApiVersions> {}
export interface ApiVersionsResponse extends ResponseOf<typeof ApiVersions> {}

export const apiVersions = serve(ApiVersions, { access: open() }, handle)

const softwarePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

async function handle(request: ApiVersionsRequest, context: Context): Promise<ApiVersionsResponse> {
  const { clientSoftwareName, clientSoftwareVersion } = request
  if (context.version >= 3 && !(softwarePattern.test(clientSoftwareName) && softwarePattern.test(clientSoftwareVersion))) {
    return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] }
  }
  return {
    errorCode: ErrorCode.NONE,
    apiKeys: context.apis.map(({ key, advertised }) => ({ apiKey: key, minVersion: advertised.first, maxVersion: advertised.last })),
  }
}
