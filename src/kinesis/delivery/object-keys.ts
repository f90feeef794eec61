// Keys of the objects that channels deliver, from templates with AWS's rules: !{channel-name}, !{channel-id}, !{stream-name}, !{yyyy}, !{yy}, !{MM}, !{dd}, !{HH}, !{mm}, and at
// the end !{extension} or a literal one, !{extension:.json}; times are UTC, of the oldest record in the object. A suffix that no other object has comes before the extension.
// Here a key is a path below its bucket's directory, so it may not lead out of it.
import type { Channel } from '../channels.ts'
import { compressedExtension } from './objects.ts'

/** What AWS takes where a channel says nothing. */
export const defaultTemplate = 'kinesis-channel/!{channel-name}/!{channel-id}/!{yyyy}/!{MM}/!{dd}/!{HH}/!{channel-name}-!{channel-id}-!{yyyy}-!{MM}-!{dd}-!{HH}-!{mm}!{extension}'

export interface KeyParts {
  readonly channelName: string
  readonly channelId: string
  readonly streamName: string
  readonly timeMs: number
  /** '.gz', or nothing. */
  readonly extension: string
  /** Other than that of any other object. At most 37 characters. */
  readonly suffix: string
}

const keyCharactersMax = 1_024
/** Of a template with its variables filled in: what S3 takes less the longest suffix. */
const filledCharactersMax = 986
/** What file systems take as one name. */
const nameBytesMax = 255
const variable = /!\{([^{}]*)\}/g
const literalExtension = /^extension:(\.[a-z.]+)$/
const endsInExtension = /!\{extension(?::[^{}]*)?\}$/

const values: Readonly<Record<string, (parts: KeyParts) => string>> = {
  'channel-name': ({ channelName }) => channelName,
  'channel-id': ({ channelId }) => channelId,
  'stream-name': ({ streamName }) => streamName,
  yyyy: ({ timeMs }) => iso(timeMs).slice(0, 4),
  yy: ({ timeMs }) => iso(timeMs).slice(2, 4),
  MM: ({ timeMs }) => iso(timeMs).slice(5, 7),
  dd: ({ timeMs }) => iso(timeMs).slice(8, 10),
  HH: ({ timeMs }) => iso(timeMs).slice(11, 13),
  mm: ({ timeMs }) => iso(timeMs).slice(14, 16),
  extension: ({ extension }) => extension,
}

/** The key of an object. `template` must have been found good. */
export function objectKey(template: string, parts: KeyParts): string {
  const [end = ''] = endsInExtension.exec(template) ?? []
  const start = template.slice(0, template.length - end.length)
  return `${filled(start, parts)}${start === '' || start.endsWith('/') ? '' : '-'}${parts.suffix}${filled(end, parts)}`
}

/** Why a template makes no keys; undefined where it does. `parts`: of some object of its channel. */
export function templateFault(template: string, parts: KeyParts): string | undefined {
  if (/[{}]/.test(template.replace(variable, ''))) return 'every !{ needs its }'
  const names = [...template.matchAll(variable)].map(([, name = '']) => name)
  const unknown = names.find(name => values[name] === undefined && !literalExtension.test(name))
  if (unknown !== undefined) {
    return `!{${unknown}} is no variable; there are ${Object.keys(values).map(name => `!{${name}}`).join(', ')}, and !{extension:.literal} of lowercase letters and periods`
  }
  if (names.slice(0, endsInExtension.test(template) ? -1 : undefined).some(name => name.startsWith('extension'))) return 'its extension must be one, at its end'
  if (filled(template, parts).length > filledCharactersMax) return `filled in it has more than ${filledCharactersMax} characters`
  return keyFault(objectKey(template, parts))
}

/** Why a key names nothing below its bucket; undefined where it does. */
export function keyFault(key: string): string | undefined {
  if (key.length > keyCharactersMax) return `its keys have more than ${keyCharactersMax} characters`
  const names = key.split('/')
  if (names.includes('')) return 'it begins with / or has two in a row'
  if (key.includes('..') || names.includes('.')) return 'it has .. or a . alone between slashes'
  return names.some(name => Buffer.byteLength(name) > nameBytesMax) ? `it has more than ${nameBytesMax} bytes between slashes` : undefined
}

/** Of some object of the channel; for finding out whether its keys are good before there is any. */
export function keyPartsOf({ name, id, storage }: Pick<Channel, 'name' | 'id' | 'storage'>, streamName: string): KeyParts {
  return { channelName: name, channelId: id, streamName, timeMs: 0, extension: compressedExtension[storage.CompressionType], suffix: '000000-000000000000' }
}

export function errorKey({ deadLetters }: Pick<Channel, 'deadLetters'>, parts: KeyParts): string {
  return deadLetters.ErrorOutputPrefix + objectKey('!{yyyy}/!{MM}/!{dd}/!{HH}/!{channel-name}-!{channel-id}-!{yyyy}-!{MM}-!{dd}-!{HH}-!{mm}!{extension:.json}', parts)
}

function filled(template: string, parts: KeyParts): string {
  return template.replace(variable, (_all, name: string) => literalExtension.exec(name)?.[1] ?? values[name]!(parts))
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
