// Tags of registries and schemas: at most fifty, keys of 1 to 128 and values of up to 256 characters.
import { errors, type GlueError } from './errors.ts'

export const tagsMax = 50
const keyCharactersMax = 128
const valueCharactersMax = 256

export type Tags = Readonly<Record<string, string>>

export function faultOfTags(tags: ReadonlyMap<string, string> | undefined): GlueError | undefined {
  if (tags === undefined) return undefined
  if (tags.size > tagsMax) return errors.wrongTags()
  for (const [key, value] of tags) {
    if (key.length === 0 || key.length > keyCharactersMax) return errors.wrongLength('tagKey')
    if (value.length > valueCharactersMax) return errors.wrongLength('tagValue')
  }
  return undefined
}

/** As notes keep them; a key of `__proto__` is one like any other. */
export function tagsOf(tags: ReadonlyMap<string, string> | undefined): Tags {
  return Object.fromEntries(tags ?? [])
}

export function mapOfTags(tags: Tags): ReadonlyMap<string, string> {
  return new Map(Object.entries(tags))
}
