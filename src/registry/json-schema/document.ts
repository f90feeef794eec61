// JSON Schema documents: from text to a document that is known to compile. Drafts 6, 7, 2019-09 and 2020-12; 7 where none is named. A document may refer to
// itself and to the registered schemas it names as references, never to the network.
import { parseJsonText } from '../../base/json.ts'
import { InvalidSchema } from '../errors.ts'
import { isObject, parseExactly, sorted } from '../exact-json.ts'
import { compileJsonSchema } from './validator.ts'

export type Draft = 'draft-07' | '2019-09' | '2020-12'

export interface JsonDocument {
  /** As JSON.parse gives it: an object, or true or false. */
  readonly root: unknown
  readonly draft: Draft
  readonly title: string | undefined
  /** The documents it may refer to, by the name in `$ref`. */
  readonly known: ReadonlyMap<string, JsonDocument>
}

const drafts: { readonly [uri: string]: Draft } = {
  'http://json-schema.org/draft-06/schema': 'draft-07',
  'http://json-schema.org/draft-07/schema': 'draft-07',
  'https://json-schema.org/draft/2019-09/schema': '2019-09',
  'https://json-schema.org/draft/2020-12/schema': '2020-12',
}

/** The document and its canonical text: minified, members in the order they came (sorted where `normalize`). Throws InvalidSchema. */
export function parseJsonSchema(
  text: string, known: ReadonlyMap<string, JsonDocument>, { normalize }: { normalize: boolean },
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
  const document: JsonDocument = { root, draft: draftOf(root), title, known }
  compileJsonSchema(document)
  return { document, canonical }
}

function draftOf(root: unknown): Draft {
  const uri = isObject(root) ? root['$schema'] : undefined
  if (uri === undefined) return 'draft-07'
  const draft = typeof uri === 'string' ? drafts[uri.replace(/#$/, '')] : undefined
  if (draft === undefined) throw new InvalidSchema(`$schema ${JSON.stringify(uri).slice(0, 200)} is not known; drafts 6, 7, 2019-09 and 2020-12 are`)
  return draft
}
