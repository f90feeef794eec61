// JSON Schema documents: from text to a document. Drafts 4, 6, 7, 2019-09 and 2020-12; 7 where none is named. A document may refer to
// itself and to the registered schemas it names as references, never to the network.
import { parseJsonText } from '../../base/json.ts'
import { InvalidSchema } from '../errors.ts'
import { isObject, parseExactly, sorted } from '../exact-json.ts'
import { type Draft, draftOf, expectDraft, inModernWords } from './drafts.ts'
import { sizeOf } from './size.ts'
import { compileJsonSchema } from './validator.ts'

export interface JsonDocument {
  /** As JSON.parse gives it: an object, or true or false. Without words that its draft does not know, draft 4 in those of the later ones. */
  readonly root: unknown
  readonly draft: Draft
  readonly title: string | undefined
  /** The documents it may refer to, by the name in `$ref`. */
  readonly known: ReadonlyMap<string, JsonDocument>
}

/**
 * The document and its canonical text: minified, members in the order they came (sorted where `normalize`). `strict` holds it to the rules of its draft and sees
 * whether it compiles; without, that shows when it is used. Throws InvalidSchema.
 */
export function parseJsonSchema(
  text: string, known: ReadonlyMap<string, JsonDocument>, { strict, normalize }: { strict: boolean; normalize: boolean },
): { document: JsonDocument; canonical: string } {
  let exact: unknown
  try {
    exact = parseExactly(text)
  } catch (error) {
    throw new InvalidSchema((error as Error).message)
  }
  const canonical = JSON.stringify(normalize ? sorted(exact) : exact)
  const root: unknown = parseJsonText(canonical)
  if (!isObject(root) && typeof root !== 'boolean') throw new InvalidSchema(`a JSON Schema is an object or a boolean, not ${canonical.slice(0, 200)}`)
  const title = isObject(root) && typeof root['title'] === 'string' ? root['title'] : undefined
  const draft = draftOf(root)
  if (strict) {
    sizeOf(root)
    expectDraft(root, draft)
  }
  const document: JsonDocument = { root: inModernWords(root, draft), draft, title, known }
  if (strict) compileJsonSchema(document)
  return { document, canonical }
}
