// The schema registry's associations of resources with subjects, in the OpenAPI document.
import { boolean, integer, list, nullable, object, openObject, ref, text, words } from './json-schema.ts'
import { type Family, flag, ok, type Operation, parameter } from './operation.ts'
import { registryAnswer, registryBody, registryTypes } from './registry.ts'

const lifecycle = words('STRONG', 'WEAK')
const type = words('key', 'value')
const resource = { resourceName: text, resourceNamespace: text, resourceId: text, resourceType: text }
const named = Object.fromEntries(Object.keys(resource).map(name => [name, nullable(text)]))
const associationFilters = {
  resourceType: parameter('Type of the resources; `topic` unless given.'), associationType: parameter('Only of these.', text, { repeated: true }),
  lifecycle: parameter('Only with this lifecycle.'),
}
const filters = { ...associationFilters, offset: parameter('How many to pass over.', integer), limit: parameter('How many at most.', integer) }
const dryRun = flag('Only tries.')
const context = parameter('Stands before subjects that are named without a context.')

function found(summary: string): Operation {
  return { summary, description: 'Those of subjects that the caller may DESCRIBE.', query: filters, answers: ok('Associations.', registryAnswer(list(ref('Association')))) }
}

function batch(summary: string, request: string, query?: Operation['query']): Operation {
  return {
    summary, ...query !== undefined && { query }, body: registryBody(openObject({ requests: list(ref(request)) })),
    answers: { 207: { description: 'What became of each.', content: registryAnswer(object({ results: list(ref('AssociationResult')) })) } },
  }
}

const associated: Operation['answers'] = ok('The resource as it is associated.', registryAnswer(ref('AssociatedResource')))
const mutate = batch('Changes associations of several resources', 'AssociationMutation', { dryRun, context })

export const associationFamily: Family = {
  tag: 'Associations',
  description: 'Which subjects have the schemas of a resource\'s keys and values: what clients ask first. WRITE on a subject to associate it, DELETE to take that back.',
  inContexts: true,
  types: registryTypes,
  schemas: {
    Association: object({ subject: text, guid: text, ...resource, associationType: type, lifecycle, frozen: boolean, createTs: integer, updateTs: integer }),
    AssociatedResource: object({
      associations: list(object({ subject: text, associationType: type, lifecycle, frozen: boolean }, { schema: ref('SchemaVersion') })),
    }, resource),
    AssociationRequest: openObject({}, {
      subject: nullable(text), associationType: nullable(text), lifecycle: nullable(text), frozen: nullable(boolean), schema: nullable(ref('SchemaRequest')), normalize: nullable(boolean),
      opType: text,
    }),
    ResourceRequest: openObject({}, { ...named, associations: nullable(list(ref('AssociationRequest'))) }),
    AssociationMutation: ref('ResourceRequest'),
    AssociationQuery: openObject({}, { ...named, associationTypes: nullable(list(text)), lifecycle: nullable(text) }),
    AssociationResult: object({}, { result: ref('AssociatedResource'), error: object({ error_code: integer, message: text }) }),
  },
  paths: {
    '/associations': {
      post: { summary: 'Associates a resource with subjects', query: { dryRun, context }, body: registryBody(ref('ResourceRequest')), answers: associated },
    },
    '/associations:batch': { post: mutate },
    '/associations:batchMutate': { post: mutate },
    '/associations:batchGet': { post: batch('Associations of several resources', 'AssociationQuery') },
    '/associations/resources/{id}': {
      get: found('Associations of a resource, by its id'),
      put: { summary: 'Associates a resource, or changes how', query: { dryRun, context }, body: registryBody(ref('ResourceRequest')), answers: associated },
      delete: {
        summary: 'Takes associations of a resource back',
        query: { resourceType: filters.resourceType, associationType: filters.associationType, cascadeLifecycle: flag('With the subjects that live as long as it.'), dryRun },
        answers: ok('Gone.'),
      },
    },
    '/associations/resources/{namespace}/{name}': { get: found('Associations of a resource, by its name') },
    '/associations/subjects/{subject}': { get: found('Associations of a subject') },
  },
}
