// The schema registry's API in the OpenAPI document.
import { about, boolean, integer, list, mapOf, nullable, object, openObject, ref, type Schema, text, words } from './json-schema.ts'
import { type Content, type Family, flag, ok, type Operation, type Operations, parameter } from './operation.ts'

export const registryTypes = ['application/vnd.schemaregistry.v1+json', 'application/vnd.schemaregistry+json', 'application/json'] as const

export function registryAnswer(schema: Schema): Content {
  return Object.fromEntries(registryTypes.map(type => [type, schema]))
}

export function registryBody(schema: Schema): Content {
  return { ...registryAnswer(schema), 'application/octet-stream': schema }
}

const levels = words('NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE')
const pages = { offset: parameter('How many to pass over.', integer), limit: parameter('How many at most.', integer) }
const deleted = flag('Versions that were soft-deleted too.')
const deletedOnly = flag('Only versions that were soft-deleted.')
const normalize = flag('Normalises the schema before it is compared or stored.')
const format = parameter('The form of the text: `resolved` (Avro), `ignore_extensions` or `serialized` (Protobuf).')
const referenceFormat = parameter('`qualified` gives references with the context of their subjects.')
const findTags = parameter('Also lists the parts of the schema that carry one of these tags, `*` for any.', text, { repeated: true })
const ofContent = { format, referenceFormat, findTags }
const subjectOfId = parameter('Which subject is meant, where several have the id; a qualified one says the context.')

const settings = {
  alias: text, aliasForDeks: text, normalize: boolean, validateFields: boolean, validateNewSchemas: boolean, validateRules: boolean,
  compatibilityPolicy: words('STRICT', 'LENIENT'), compatibilityGroup: text,
  defaultMetadata: ref('Metadata'), overrideMetadata: ref('Metadata'), defaultRuleSet: ref('RuleSet'), overrideRuleSet: ref('RuleSet'),
}
const settable: { readonly [name: string]: Schema } = Object.fromEntries(Object.entries({
  ...settings, compatibility: about(text, 'A compatibility level.'), compatibilityLevel: text, compatibilityPolicy: text, defaultRuleSet: ref('RuleSetRequest'),
  overrideRuleSet: ref('RuleSetRequest'),
}).map(([name, schema]) => [name, nullable(schema)]))

const content = {
  guid: text, schemaType: words('AVRO', 'JSON', 'PROTOBUF'), references: list(ref('SchemaReference')), metadata: ref('Metadata'), ruleSet: ref('RuleSet'), schema: text,
  schemaTags: list(ref('SchemaTags')), ts: integer, deleted: boolean,
}
const ruleLists = ['migrationRules', 'domainRules', 'encodingRules'] as const

const schemas = {
  SchemaReference: object({ name: text, subject: text, version: integer }),
  SchemaTags: object({ schemaEntity: object({ entityPath: text, entityType: words('sr_record', 'sr_field') }), tags: list(text) }),
  Metadata: openObject({}, { tags: nullable(mapOf(list(text))), properties: nullable(mapOf(text)), sensitive: nullable(list(text)) }),
  Rule: object({ name: text, kind: words('TRANSFORM', 'CONDITION'), mode: text, type: text, disabled: boolean }, {
    doc: text, tags: list(text), params: mapOf(text), expr: text, onSuccess: text, onFailure: text,
  }),
  RuleSet: object({}, { ...Object.fromEntries(ruleLists.map(name => [name, list(ref('Rule'))])), enableAt: words('ALL', 'CLIENT', 'GATEWAY', 'SERVER', 'NONE') }),
  RuleRequest: openObject({ name: text, type: text }),
  RuleSetRequest: openObject({}, {
    ...Object.fromEntries(ruleLists.map(name => [name, nullable(list(ref('RuleRequest')))])), enableAt: nullable(words('ALL', 'CLIENT', 'GATEWAY', 'SERVER', 'NONE')),
  }),
  SchemaRequest: openObject({}, {
    schema: nullable(text), schemaType: nullable(text), references: nullable(list(openObject({ name: text, subject: text, version: integer }))),
    metadata: nullable(ref('Metadata')), ruleSet: nullable(ref('RuleSetRequest')), version: nullable(integer), id: nullable(integer),
    schemaTagsToAdd: nullable(list(ref('SchemaTags'))), schemaTagsToRemove: nullable(list(ref('SchemaTags'))), propagateSchemaTags: nullable(boolean),
  }),
  TagRequest: openObject({}, {
    newVersion: nullable(integer), tagsToAdd: nullable(list(ref('SchemaTags'))), tagsToRemove: nullable(list(ref('SchemaTags'))), metadata: nullable(ref('Metadata')),
    ruleSet: nullable(ref('RuleSetRequest')), rulesToMerge: nullable(ref('RuleSetRequest')), rulesToRemove: nullable(list(text)),
  }),
  RegisteredSchema: object({ id: integer, version: integer, schema: text }, content),
  SchemaVersion: object({ subject: text, version: integer, id: integer, schema: text }, { ...content, aliases: list(text), associations: list(ref('Association')) }),
  SchemaOfId: object({ schema: text }, { ...content, subject: text, version: integer, maxId: integer }),
  SubjectVersion: object({ subject: text, version: integer }),
  RegistryConfig: object({}, { ...settings, compatibilityLevel: levels }),
  RegistryConfigUpdate: openObject({}, settable),
  RegistryConfigUpdated: object({}, { ...settings, compatibility: levels }),
  RegistryMode: object({ mode: text }),
  SchemaText: { description: 'The schema itself: JSON for Avro and JSON Schema, .proto text for Protobuf.' },
  CompatibilityVerdict: object({ is_compatible: boolean }, { messages: list(text) }),
}

function read(summary: string, schema: Schema, query: Operation['query'] = {}): Operation {
  return { summary, query, answers: ok('Found.', registryAnswer(schema)) }
}

function configs(what: string): Operations {
  return {
    get: { summary: `Settings of ${what}`, description: 'DESCRIBE_CONFIGS on it.', query: { defaultToGlobal: flag('What holds, with what is inherited.') }, answers: ok('The settings.', registryAnswer(ref('RegistryConfig'))) },
    put: {
      summary: `Changes settings of ${what}`, description: 'ALTER_CONFIGS on it. What is left out stays, null takes a setting back.', body: registryBody(ref('RegistryConfigUpdate')),
      answers: ok('What was asked for; GET calls the level `compatibilityLevel`.', registryAnswer(ref('RegistryConfigUpdated'))),
    },
    delete: { summary: `Takes the settings of ${what} back`, description: 'ALTER_CONFIGS on it.', answers: ok('The settings that went.', registryAnswer(ref('RegistryConfig'))) },
  }
}

function modes(what: string): Operations {
  const mode = registryAnswer(ref('RegistryMode'))
  return {
    get: { summary: `Mode of ${what}`, query: { defaultToGlobal: flag('What holds, with what is inherited.') }, answers: ok('The mode.', mode) },
    put: { summary: `Sets the mode of ${what}`, query: { force: flag('IMPORT even where there are schemas.') }, body: registryBody(openObject({ mode: text })), answers: ok('The mode.', mode) },
    delete: { summary: `Takes the mode of ${what} back`, query: { recursive: flag('Those of its subjects too.') }, answers: ok('The mode that went.', mode) },
  }
}

function compatibility(against: string): Operations {
  return {
    post: {
      summary: `Whether a schema is compatible with ${against}`, description: 'READ on the subject.', query: { normalize, verbose: flag('Says what stands in the way.') },
      body: registryBody(ref('SchemaRequest')), answers: ok('The verdict.', registryAnswer(ref('CompatibilityVerdict'))),
    },
  }
}

const alive: Operation = { summary: 'Whether the registry answers', answers: ok('It does.', { ...registryAnswer(object({})), 'application/x-amz-json-1.1': {} }) }

export const registryFamily: Family = {
  tag: 'Schema registry',
  description: 'The API of Confluent\'s schema registry. New clients send `Confluent-Accept-Unknown-Properties: true` and get `guid`, `schemaType`, `ts` and `deleted` as well.',
  inContexts: true,
  types: registryTypes,
  schemas,
  paths: {
    '/': {
      get: alive,
      post: { ...alive, description: 'With an X-Amz-Target of AWSGlue it is AWS Glue\'s API, as at `/glue`.', body: { '*/*': {} }, bodyRequired: false },
    },
    '/subjects': {
      get: read('Subjects', list(text), { subjectPrefix: parameter('What they begin with; `:*:` for those of all contexts, which is the default.'), deleted, deletedOnly, ...pages }),
    },
    '/subjects/{subject}': {
      post: {
        summary: 'The version of a subject that has a schema', description: 'READ on the subject.', query: { normalize, deleted, ...ofContent }, body: registryBody(ref('SchemaRequest')),
        answers: ok('The version.', registryAnswer(ref('SchemaVersion'))),
      },
      delete: { summary: 'Deletes a subject', description: 'DELETE on the subject.', query: { permanent: flag('For good; it must be soft-deleted first.') }, answers: ok('The versions that went.', registryAnswer(list(integer))) },
    },
    '/subjects/{subject}/metadata': {
      get: read('The latest version with certain metadata', ref('SchemaVersion'), {
        key: parameter('Names of properties.', text, { required: true, repeated: true }), value: parameter('Their values, in the same order.', text, { required: true, repeated: true }),
        deleted, ...ofContent,
      }),
    },
    '/subjects/{subject}/versions': {
      get: read('Versions of a subject', list(integer), { deleted, deletedOnly, deletedAsNegative: flag('Soft-deleted ones as negative numbers.'), ...pages }),
      post: {
        summary: 'Registers a schema', description: 'WRITE on the subject. The same content gets the same id, in any subject of the context. Rules are checked: 42210 for one that cannot be carried out.',
        query: { normalize, force: flag('Without the compatibility check.'), ...ofContent }, body: registryBody(ref('SchemaRequest')), answers: ok('The version, new or known.', registryAnswer(ref('RegisteredSchema'))),
      },
    },
    '/subjects/{subject}/versions/{version}': {
      get: read('A version of a subject', ref('SchemaVersion'), { deleted, ...ofContent }),
      delete: { summary: 'Deletes a version', description: 'DELETE on the subject.', query: { permanent: flag('For good; it must be soft-deleted first.') }, answers: ok('Its number.', registryAnswer(integer)) },
    },
    '/subjects/{subject}/versions/{version}/schema': { get: read('The text of a version', ref('SchemaText'), { deleted, format }) },
    '/subjects/{subject}/versions/{version}/referencedby': { get: read('Ids of the schemas that refer to a version', list(integer), { deleted, ...pages }) },
    '/subjects/{subject}/versions/{version}/tags': {
      post: { summary: 'Makes a version anew with other tags, metadata or rules', query: { ...ofContent }, body: registryBody(ref('TagRequest')), answers: ok('The new version.', registryAnswer(ref('RegisteredSchema'))) },
    },
    '/schemas': {
      get: read('All versions of all subjects', list(ref('SchemaVersion')), {
        subjectPrefix: parameter('What their subjects begin with.'), aliases: flag('With the aliases of the subjects.'), deleted, latestOnly: flag('Only the latest version of each subject.'),
        ruleType: parameter('Only those with a rule of this type.'), resourceType: parameter('Only of subjects that are associated with a resource of this type.'),
        associationType: parameter('Only of subjects that are associated so.', text, { repeated: true }), lifecycle: parameter('Only with this lifecycle.'), ...ofContent, ...pages,
      }),
    },
    '/schemas/types': { get: read('Languages of schemas', list(text)) },
    '/schemas/ids/{id}': { get: read('A schema by its id', ref('SchemaOfId'), { subject: subjectOfId, fetchMaxId: flag('With the highest id of the context.'), ...ofContent }) },
    '/schemas/ids/{id}/schema': { get: read('The text of a schema', ref('SchemaText'), { subject: subjectOfId, format }) },
    '/schemas/ids/{id}/subjects': { get: read('Subjects that have a schema', list(text), { subject: subjectOfId, deleted, ...pages }) },
    '/schemas/ids/{id}/versions': { get: read('Versions that have a schema', list(ref('SubjectVersion')), { subject: subjectOfId, deleted, ...pages }) },
    '/schemas/guids/{guid}': { get: read('A schema by its GUID', ref('SchemaOfId'), { ...ofContent }) },
    '/schemas/guids/{guid}/ids': { get: read('Ids of a schema, by context', list(object({ context: text, id: integer }))) },
    '/config': configs('all subjects'),
    '/config/{subject}': configs('a subject or a context'),
    '/mode': modes('all subjects'),
    '/mode/{subject}': modes('a subject or a context'),
    '/compatibility/subjects/{subject}/versions': compatibility('a subject, by its level'),
    '/compatibility/subjects/{subject}/versions/{version}': compatibility('one version'),
    '/contexts': { get: read('Contexts', list(text), { contextPrefix: parameter('What they begin with.'), ...pages }) },
    '/contexts/{context}': { delete: { summary: 'Deletes an empty context', answers: ok('It is gone.') } },
    '/v1/metadata/id': { get: read('Which cluster the registry is of', object({ scope: object({ path: list(text), clusters: mapOf(text) }), id: text })) },
    '/v1/metadata/version': { get: read('Version of the server', object({ version: text, commitId: text })) },
    '/v1/metadata/deployment': { get: read('How the server is deployed', object({ attributes: list(text) })) },
  },
}
