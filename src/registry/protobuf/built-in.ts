// The files that every schema may import without a reference: Protobuf's well-known types and Confluent's own.
import {
  file_google_protobuf_any, file_google_protobuf_api, file_google_protobuf_descriptor, file_google_protobuf_duration, file_google_protobuf_empty,
  file_google_protobuf_field_mask, file_google_protobuf_source_context, file_google_protobuf_struct, file_google_protobuf_timestamp,
  file_google_protobuf_type, file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt'
import { link, type Linked, namesOf } from './linker.ts'
import { parseProto } from './parser.ts'

const google = new Map([
  file_google_protobuf_any, file_google_protobuf_api, file_google_protobuf_descriptor, file_google_protobuf_duration, file_google_protobuf_empty,
  file_google_protobuf_field_mask, file_google_protobuf_source_context, file_google_protobuf_struct, file_google_protobuf_timestamp,
  file_google_protobuf_type, file_google_protobuf_wrappers,
].map(({ proto }) => [proto.name, proto]))

const targets = [['file', 'File'], ['message', 'Message'], ['field', 'Field'], ['enum', 'Enum'], ['enum_value', 'EnumValue']] as const

/** Notes and tags that a schema may carry; field_meta's tags are what rules go by. */
const meta = `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}
${targets.map(([name, type]) => `extend google.protobuf.${type}Options { Meta ${name}_meta = 1088; }`).join('\n')}
`

const decimal = `syntax = "proto3";
package confluent.type;
message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}
`

/** The JavaScript client has the second path to decimal.proto where the others have the first. */
const confluent = new Map([['confluent/meta.proto', meta], ['confluent/type/decimal.proto', decimal], ['confluent/types/decimal.proto', decimal]])

const linked = new Map<string, Linked>()

/** A file that needs no reference, made when it is first asked for. */
export function builtInFile(path: string): Linked | undefined {
  const known = linked.get(path)
  if (known !== undefined) return known
  const proto = google.get(path)
  const text = confluent.get(path)
  const file = proto !== undefined ? { proto, names: namesOf(proto) } : text !== undefined ? link(parseProto(text).proto, builtInFile) : undefined
  if (file === undefined) return undefined
  file.proto.name = path
  linked.set(path, file)
  return file
}
