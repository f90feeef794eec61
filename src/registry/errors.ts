// Every "no" of the registry: HTTP status, Confluent's error code and Confluent's words, because clients compare the texts. A RegistryRefusal is a
// value, as a Refusal of the ports is; the router writes it as { "error_code", "message" }.
import { contextOf, contextPrefix } from './contexts.ts'

export class RegistryRefusal {
  readonly status: number
  readonly code: number
  readonly message: string

  constructor(status: number, code: number, message: string) {
    this.status = status
    this.code = code
    this.message = message
  }
}

/** Schema text that is none: what is wrong with it, and where. Thrown by the parsers, and turned into refusal 42201 by schema.ts. */
export class InvalidSchema extends Error {
  override readonly name = 'InvalidSchema'
}

/** Schema text in a message is cut here: an error must not be larger than what it is about. */
const quotedCharactersMax = 10 * 1024

export const refusals = {
  subjectNotFound: (subject: string) => new RegistryRefusal(404, 40401, `Subject '${subject}' not found.`),
  versionNotFound: (version: number | string) => new RegistryRefusal(404, 40402, `Version ${version} not found.`),
  schemaNotFound: (id?: number | string) => new RegistryRefusal(404, 40403, id === undefined ? 'Schema not found' : `Schema ${id} not found`),
  subjectSoftDeleted: (subject: string) => new RegistryRefusal(404, 40404, `Subject '${subject}' was soft deleted.Set permanent=true to delete permanently`),
  subjectNotSoftDeleted: (subject: string) =>
    new RegistryRefusal(404, 40405, `Subject '${subject}' was not deleted first before being permanently deleted`),
  versionSoftDeleted: (subject: string, version: number) =>
    new RegistryRefusal(404, 40406, `Subject '${subject}' Version ${version} was soft deleted.Set permanent=true to delete permanently`),
  versionNotSoftDeleted: (subject: string, version: number) =>
    new RegistryRefusal(404, 40407, `Subject '${subject}' Version ${version} was not deleted first before being permanently deleted`),
  noSubjectConfig: (subject: string) =>
    new RegistryRefusal(404, 40408, `Subject '${subject}' does not have subject-level compatibility configured`),
  noSubjectMode: (subject: string) => new RegistryRefusal(404, 40409, `Subject '${subject}' does not have subject-level mode configured`),
  incompatible: (subject: string, details: readonly string[]) =>
    new RegistryRefusal(
      409, 40901, `Schema being registered is incompatible with an earlier schema for subject "${subject}", details: [${details.join(', ')}]`,
    ),
  invalidSchema: (text: string, type: string, reason: string, references: readonly { name: string; subject: string; version: number }[] = []) => {
    const list = references.map(({ name, subject, version }) => `{name='${name}', subject='${subject}', version=${version}}`).join(', ')
    return new RegistryRefusal(422, 42201, `Invalid schema ${quoted(text)} with refs [${quoted(list)}] of type ${type}, details: ${reason}`)
  },
  emptySchema: () => new RegistryRefusal(422, 42201, 'Empty schema'),
  versionNotNext: () => new RegistryRefusal(422, 42201, 'Version is not one more than previous version'),
  unsupportedFormat: (format: string) => new RegistryRefusal(422, 42201, `Unsupported format ${format.slice(0, 64)}`),
  noSuchEntity: (path: string) => new RegistryRefusal(422, 42201, `No matching path '${path.slice(0, 255)}' found in the schema`),
  invalidSchemaType: (type: string, known: readonly string[]) =>
    new RegistryRefusal(422, 42201, `Invalid schema type ${type.slice(0, 64)}. Schema types that are supported: ${known.join(', ')}`),
  invalidVersion: (version: string) =>
    new RegistryRefusal(
      422, 42202, `The specified version '${version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`,
    ),
  invalidLevel: () =>
    new RegistryRefusal(
      422, 42203,
      'Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive',
    ),
  invalidPolicy: () => new RegistryRefusal(422, 42203, 'Invalid compatibility policy. Valid values are strict and lenient'),
  invalidMode: () => new RegistryRefusal(422, 42204, 'Invalid mode. Valid values are READWRITE, READONLY, and IMPORT.'),
  readOnly: (subject: string | null) => new RegistryRefusal(422, 42205, `Subject ${subject} in context ${contextPart(subject)} is in read-only mode`),
  notInImportMode: (subject: string) => new RegistryRefusal(422, 42205, `Subject ${subject} in context ${contextPart(subject)} is not in import mode`),
  notInReadWriteMode: (subject: string) => new RegistryRefusal(422, 42205, `Subject ${subject} in context ${contextPart(subject)} is not in read-write mode`),
  importNotEmpty: () => new RegistryRefusal(422, 42205, 'Cannot import since found existing subjects'),
  idTaken: (id: number, subject: string) =>
    new RegistryRefusal(422, 42205, `Overwrite new schema with id ${id} in context ${contextPart(subject)} is not permitted.`),
  referenceExists: (subject: string, version: number) =>
    new RegistryRefusal(422, 42206, `One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=${subject},version=${version}}.`),
  invalidSubject: (subject: string) => new RegistryRefusal(422, 42208, `The specified subject '${subject.slice(0, 255)}' is not a valid.`),
  schemaTooLarge: (bytes: number, bytesMax: number) =>
    new RegistryRefusal(422, 42209, `The schema is too large: ${bytes} bytes, where at most ${bytesMax} are allowed`),
  invalidRuleSet: (reason: string) => new RegistryRefusal(422, 42210, reason),
  contextNotEmpty: (context: string) => new RegistryRefusal(422, 42211, `The specified context '${context}' is not empty.`),
  associationNotFound: (resource: string) => new RegistryRefusal(404, 40410, `Association for '${resource.slice(0, 255)}' not found.`),
  tooManyAssociations: (most: number) => new RegistryRefusal(409, 40902, `A maximum of ${most} associations already exist`),
  associationForResourceExists: (type: string, resource: string) =>
    new RegistryRefusal(409, 40903, `An association of type '${type}' already exists for resource '${resource}'`),
  associationForSubjectExists: (subject: string) => new RegistryRefusal(409, 40904, `An association already exists for subject '${subject}'`),
  strongAssociationForSubjectExists: (subject: string) => new RegistryRefusal(409, 40905, `A strong association already exists for subject '${subject}'`),
  noActiveVersion: (subject: string) => new RegistryRefusal(409, 40907, `No active (non-deleted) version exists for subject '${subject}'`),
  // The two blanks are Confluent's.
  associationFrozen: (type: string, subject: string) => new RegistryRefusal(409, 40908, `The association of type  '${type}' is frozen for subject '${subject}'`),
  invalidAssociation: (property: string, reason: string) =>
    new RegistryRefusal(422, 42212, `The association specified an invalid value for property: '${property}', reason: ${reason}`),
  tooLargeABatch: () => new RegistryRefusal(422, 42213, 'Associations batchMutate request exceeded a configured limit'),
  storeFailed: (reason: string) => new RegistryRefusal(500, 50001, `Error in the backend data store: ${reason}`),
  storeTimedOut: (reason: string) => new RegistryRefusal(500, 50002, `Register operation timed out: ${reason}`),
  tooManyWrites: (count: number) => new RegistryRefusal(503, 50001, `Error in the backend data store: ${count} writes are waiting already`),
} as const

function quoted(text: string): string {
  return text.length <= quotedCharactersMax ? text : `${text.slice(0, quotedCharactersMax)}...`
}

/** As Confluent writes it into its messages: nothing for the default context. */
function contextPart(subject: string | null): string {
  return subject === null ? '' : contextPrefix(contextOf(subject))
}
