// The forms in which a schema's text is handed out, beside the one in which it is stored: Confluent's `format` parameter.
import { resolvedText, type Schema } from './schema.ts'

/** `default` is what is stored. Undefined where the language has no such form. */
export function formattedText(schema: Schema, format: string): string | undefined {
  if (format === 'default') return schema.text
  switch (schema.type) {
    case 'AVRO': return format === 'resolved' ? resolvedText(schema) : undefined
    case 'JSON': return undefined
    case 'PROTOBUF': return format === 'ignore_extensions' || format === 'serialized' ? schema.document.formatted(format) : undefined
  }
}
