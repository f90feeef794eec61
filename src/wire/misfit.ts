// What AWS's deserializer says of a value whose type is not its member's, whatever the codec: the words are the same, only the Java class of what
// was found is the codec's matter.
import type { AnyMember } from './operation.ts'

/** A body that does not have the types its operation declares. The text is AWS's; without one AWS sends the type alone. */
export class SerializationFault extends Error {
  override readonly name = 'SerializationFault'
}

/** Kinds of values that a body may hold where a member wants another one. */
export type Found = 'list' | 'map' | keyof typeof javaClasses

// Of what JSON cannot hold, AWS's names are not known: these are what Java calls such values.
const javaClasses = {
  text: 'java.lang.String',
  flag: 'java.lang.Boolean',
  number: 'com.amazon.coral.value.json.numbers.TruncatingBigNumber',
  bytes: 'java.nio.HeapByteBuffer',
  fraction: 'java.lang.Double',
  'large number': 'java.math.BigInteger',
  time: 'java.util.Date',
} as const

export function misfit(member: AnyMember, found: Found): SerializationFault {
  if (found === 'list') return new SerializationFault('Start of list found where not expected')
  if (found === 'map') return new SerializationFault('Start of structure or map found where not expected.')
  if (member.kind === 'list') return new SerializationFault('Expected list or null')
  if (member.kind === 'structure') return new SerializationFault('Expected null')
  if (member.kind === 'map' || member.kind === 'structure-map') return new SerializationFault('Expected map or null')
  return new SerializationFault(`class ${javaClasses[found]} can not be converted to ${wanted(member)}`)
}

function wanted(member: Exclude<AnyMember, { kind: 'list' | 'structure' | 'map' | 'structure-map' }>): string {
  switch (member.kind) {
    case 'text': return 'an String'
    case 'blob': return 'a Blob'
    case 'integer': return `an ${member.javaType}`
    case 'timestamp': return 'milliseconds since epoch'
    case 'flag': return 'an Boolean'
  }
}

/** AWS takes the words of YAML for a boolean too. */
export function flagOfWord(text: string): boolean {
  const word = text.toUpperCase()
  if (word === 'TRUE' || word === 'YES' || word === '1') return true
  if (word === 'FALSE' || word === 'NO' || word === '0') return false
  throw new SerializationFault(`'${word}' can not be converted to an Boolean`)
}

const int32Max = 2 ** 31 - 1

/** A whole number brought to the nearest that its Java type can hold. */
export function clamped(value: number, javaType: 'Integer' | 'Long'): number {
  const most = javaType === 'Integer' ? int32Max : Number.MAX_SAFE_INTEGER
  return Math.min(Math.max(value, -most - 1), most)
}
