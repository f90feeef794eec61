// The files that every schema may import without a reference: Protobuf's well-known types, Google's common types, and Confluent's own.
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

const fields = (types: readonly (readonly [type: string, names: string])[]): string => {
  const each = types.flatMap(([type, names]) => names.split(' ').map(name => [type, name] as const))
  return each.map(([type, name], index) => `${type} ${name} = ${index + 1};`).join(' ')
}
const message = (name: string, ...types: (readonly [type: string, names: string])[]): string => `message ${name} { ${fields(types)} }`
const values = (name: string, names: string): string => `enum ${name} { ${names.split(' ').map((value, number) => `${value} = ${number};`).join(' ')} }`

/** Google's common types, by the names of their files. */
const googleTypes: { readonly [file: string]: string } = {
  calendar_period: values('CalendarPeriod', 'CALENDAR_PERIOD_UNSPECIFIED DAY WEEK FORTNIGHT MONTH QUARTER HALF YEAR'),
  color: `import "google/protobuf/wrappers.proto"; ${message('Color', ['float', 'red green blue'], ['google.protobuf.FloatValue', 'alpha'])}`,
  date: message('Date', ['int32', 'year month day']),
  datetime: `import "google/protobuf/duration.proto";
    message DateTime { ${fields([['int32', 'year month day hours minutes seconds nanos']])}
      oneof time_offset { google.protobuf.Duration utc_offset = 8; TimeZone time_zone = 9; } }
    ${message('TimeZone', ['string', 'id version'])}`,
  dayofweek: values('DayOfWeek', 'DAY_OF_WEEK_UNSPECIFIED MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY'),
  decimal: message('Decimal', ['string', 'value']),
  expr: message('Expr', ['string', 'expression title description location']),
  fraction: message('Fraction', ['int64', 'numerator denominator']),
  interval: `import "google/protobuf/timestamp.proto"; ${message('Interval', ['google.protobuf.Timestamp', 'start_time end_time'])}`,
  latlng: message('LatLng', ['double', 'latitude longitude']),
  localized_text: message('LocalizedText', ['string', 'text language_code']),
  money: message('Money', ['string', 'currency_code'], ['int64', 'units'], ['int32', 'nanos']),
  month: values('Month', 'MONTH_UNSPECIFIED JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER'),
  phone_number: `message PhoneNumber { ${message('ShortCode', ['string', 'region_code number'])}
    oneof kind { string e164_number = 1; ShortCode short_code = 2; } string extension = 3; }`,
  postal_address: message(
    'PostalAddress', ['int32', 'revision'], ['string', 'region_code language_code postal_code sorting_code administrative_area locality sublocality'],
    ['repeated string', 'address_lines recipients'], ['string', 'organization'],
  ),
  quaternion: message('Quaternion', ['double', 'x y z w']),
  timeofday: message('TimeOfDay', ['int32', 'hours minutes seconds nanos']),
}

const texts: ReadonlyMap<string, string> = new Map([
  // The JavaScript client calls its own file of the second by the third path.
  ['confluent/meta.proto', meta], ['confluent/type/decimal.proto', decimal], ['confluent/types/decimal.proto', decimal],
  ...Object.entries(googleTypes).map(([name, text]) => [`google/type/${name}.proto`, `syntax = "proto3"; package google.type; ${text}`] as const),
])

const linked = new Map<string, Linked>()

/** A file that needs no reference, made when it is first asked for. */
export function builtInFile(path: string): Linked | undefined {
  const known = linked.get(path)
  if (known !== undefined) return known
  const proto = google.get(path)
  const text = texts.get(path)
  const file = proto !== undefined ? { proto, names: namesOf(proto) } : text !== undefined ? link(parseProto(text).proto, builtInFile, { strict: true }) : undefined
  if (file === undefined) return undefined
  file.proto.name = path
  linked.set(path, file)
  return file
}
