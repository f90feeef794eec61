// What DescribeConfigs and IncrementalAlterConfigs share: the resources that have a configuration, and who may see or change it.
import { clusterResource, type AclOperation, type ConfigResource } from '../ports.ts'
import type { Context } from './context.ts'

/** Kafka's numbers for the resources whose configuration is kept here. */
export const configResourceCodes = { topic: 2, broker: 4 } as const

/** Undefined for a type that has no configuration here. */
export function configResourceOf({ resourceType, resourceName }: { resourceType: number; resourceName: string }): ConfigResource | undefined {
  if (resourceType === configResourceCodes.topic) return { type: 'topic', name: resourceName }
  return resourceType === configResourceCodes.broker ? { type: 'broker', name: resourceName } : undefined
}

/** A topic's configuration is the topic's, everything else the cluster's. Undefined where the caller may; else the kind of resource he was denied. */
export function deniedOn(resource: { resourceType: number; resourceName: string }, operation: AclOperation, context: Context): 'topic' | 'cluster' | undefined {
  if (resource.resourceType === configResourceCodes.topic) return context.may(operation, 'topic', resource.resourceName) ? undefined : 'topic'
  return context.may(operation, 'cluster', clusterResource) ? undefined : 'cluster'
}

/** The text for a type that `configResourceOf` does not know. */
export function unknownResourceText(resourceType: number): string {
  return `resource type ${resourceType} has no configuration here; ${configResourceCodes.topic} (topic) and ${configResourceCodes.broker} (broker) do`
}
