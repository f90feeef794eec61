// Definitions as texts: whether one is valid, and how two versions differ.
import { flag, oneOf, operation, text } from '../../../wire/operation.ts'
import { serve } from '../context.ts'
import { errors, GlueError } from '../errors.ts'
import { lineDiff } from '../line-diff.ts'
import { schemaIdShape } from '../names.ts'
import { faultOfDefinition, versionNumberShape } from '../schemas.ts'
import { dataFormatOf, invalidDefinition } from './schemas.ts'
import { findVersion } from './versions.ts'

const errorCharactersMax = 5_000

export const checkSchemaVersionValidity = serve(operation({
  name: 'CheckSchemaVersionValidity',
  input: { DataFormat: text().required, SchemaDefinition: text().required },
  output: { Valid: flag(), Error: text() },
}), async (input, context) => {
  const type = dataFormatOf(input.DataFormat)
  if (type === undefined) return errors.wrongDataFormat()
  const fault = faultOfDefinition(input.SchemaDefinition)
  if (fault !== undefined) return fault
  const wrong = await invalidDefinition(input.SchemaDefinition, type, context)
  return wrong === undefined ? { Valid: true } : { Valid: false, Error: wrong.message!.slice(0, errorCharactersMax) }
})

/** Lines of the older text that are gone begin with '-', new ones with '+', those of both with a blank; JSON is laid out first. */
export const getSchemaVersionsDiff = serve(operation({
  name: 'GetSchemaVersionsDiff',
  input: {
    SchemaId: schemaIdShape.required, FirstSchemaVersionNumber: versionNumberShape.required, SecondSchemaVersionNumber: versionNumberShape.required,
    SchemaDiffType: oneOf('SYNTAX_DIFF').required,
  },
  output: { Diff: text() },
}), (input, context) => {
  const first = findVersion({ SchemaId: input.SchemaId, SchemaVersionNumber: input.FirstSchemaVersionNumber }, 'read', context)
  if (first instanceof GlueError) return first
  const second = findVersion({ SchemaId: input.SchemaId, SchemaVersionNumber: input.SecondSchemaVersionNumber }, 'read', context)
  if (second instanceof GlueError) return second
  return { Diff: lineDiff(laidOut(first), laidOut(second)) }
})

function laidOut({ schemaType, schema }: { readonly schemaType: string; readonly schema: string }): string[] {
  if (schemaType === 'PROTOBUF') return schema.split('\n')
  try {
    return JSON.stringify(JSON.parse(schema), null, 2).split('\n')
  } catch {
    return schema.split('\n')
  }
}
