// Tags of streams, consumers and channels: the members that carry them, the rules they keep, and pages of them. They lie with what they are of, as the field `tags`
// of its document.
import { z } from 'zod'
import { list, structure, text, textMap } from '../wire/operation.ts'
import { AwsError, invalidArgument, type Place } from './errors.ts'

/** Per resource. The model's 200 is what one request may carry. */
const tagsMax = 50
const pageMax = 50

// ------------------------------------------------------------------------------------------------------- members

export const tagMap = textMap().minLength(1).maxLength(200).keyLength(1, 128).valueLength(0, 256)
export const tagKey = text().minLength(1).maxLength(128)
export const tagKeys = list(text()).itemLength(1, 128).minLength(1).maxLength(50)
export const tagList = list(structure({ Key: text().required, Value: text() }))

// --------------------------------------------------------------------------------------------------------- keeping

export type Tags = Readonly<Record<string, string>>
export const noTags: Tags = Object.freeze({})

/** Of a document's field `tags`. Not z.record, which drops a key `__proto__`: a tag like any other. */
export const tagsSchema = z.custom<Tags>(value => typeof value === 'object' && value !== null && Object.values(value).every(tag => typeof tag === 'string')).default(noTags)

/** Whose tags they are, for texts: 'stream orders', 'consumer billing of stream orders', 'channel archive'. */
export type TagOwner = string

/** What a resource has once `added` are put over its present ones (none for a new resource, `added` undefined for one that gets none). */
export function addTags(present: Tags, added: ReadonlyMap<string, string> | undefined, owner: TagOwner, place: Place): Tags | AwsError {
  if (added === undefined) return present
  const wrong = judgeCharacters([...added.keys(), ...added.values()], `add tags to ${owner}`, place)
  if (wrong !== null) return wrong
  const reserved = [...added.keys()].find(key => /^aws:/i.test(key))
  if (reserved !== undefined) return failed(`add tags to ${owner}`, place, `the tag key ${reserved} starts with aws:, which is reserved`)
  const tags = Object.fromEntries([...Object.entries(present), ...added])
  // The number in the text is AWS's own, from a time when there were ten.
  if (Object.keys(tags).length > tagsMax) return failed(`add tags to ${owner}`, place, `a given ${owner.split(' ')[0]!} cannot have more than 10 tags associated with it`)
  return tags
}

/** What is left of a resource's tags. Keys that it does not have are ignored. */
export function removeTags(present: Tags, keys: readonly string[], owner: TagOwner, place: Place): Tags | AwsError {
  const wrong = judgeCharacters(keys, `remove tags from ${owner}`, place)
  if (wrong !== null) return wrong
  const gone = new Set(keys)
  return Object.fromEntries(Object.entries(present).filter(([key]) => !gone.has(key)))
}

// --------------------------------------------------------------------------------------------------------- showing

interface ShownTag {
  readonly Key: string
  readonly Value: string
}

/** By key. */
export function listTags(tags: Tags): ShownTag[] {
  return Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([Key, Value]) => ({ Key, Value }))
}

export function tagPage(tags: Tags, { after = '', limit = pageMax }: { after?: string | undefined; limit?: number | undefined }): { Tags: ShownTag[]; HasMoreTags: boolean } {
  const left = listTags(tags).filter(({ Key }) => Key > after)
  return { Tags: left.slice(0, limit), HasMoreTags: left.length > limit }
}

// ----------------------------------------------------------------------------------------------------------- rules

// `:` is in the model's prose and in what AWS's tools write, though not in the older text of the error.
const allowedCharacters = /^[\p{L}\p{N}\p{Zs}_.:/=+\-@%]*$/u

/** AWS judges in two steps: `%` is valid in the first and illegal in the second. */
function judgeCharacters(texts: readonly string[], doing: string, place: Place): AwsError | null {
  if (!texts.every(one => allowedCharacters.test(one))) {
    return invalidArgument('Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.')
  }
  if (!texts.some(one => one.includes('%'))) return null
  return failed(doing, place, 'some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, \'_\',\',\',\'/\',\'=\',\'+\',\'-\',\'@\'')
}

function failed(doing: string, { account }: Place, because: string): AwsError {
  return invalidArgument(`Failed to ${doing} under account ${account} because ${because}.`)
}
