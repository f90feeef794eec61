// One Protobuf schema: what was written, what it means once linked with what it imports, and its canonical text. A schema is .proto text or, as some clients
// register it, a FileDescriptorProto in base64; both end as the same text.
import { clone, create, createFileRegistry, type DescFile, type FileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { InvalidSchema } from '../errors.ts'
import { schemaBytesMax } from '../exact-json.ts'
import { builtInFile } from './built-in.ts'
import { writtenFrom } from './descriptor.ts'
import { link, type Linked } from './linker.ts'
import { normalized } from './normalizer.ts'
import { parseProto } from './parser.ts'
import { printProto } from './printer.ts'

/** The name of a schema's own file, which nothing imports. */
const ownName = 'default.proto'

/** The schemas that a schema refers to, and those that they refer to, by the path that imports name them by. */
export type KnownFiles = ReadonlyMap<string, ProtobufDocument>

/** How a schema can be asked for: as canonical text, without what extends options, or as its FileDescriptorProto in base64. */
export type ProtobufFormat = 'default' | 'ignore_extensions' | 'serialized'

export class ProtobufDocument implements Linked {
  /** Canonical. */
  readonly text: string
  readonly proto: FileDescriptorProto
  readonly names: Linked['names']
  readonly #known: KnownFiles
  #registry: FileRegistry | undefined

  constructor(text: string, { proto, names }: Linked, known: KnownFiles) {
    this.text = text
    this.proto = proto
    this.names = names
    this.#known = known
  }

  /** The file with its types, those of the imports resolved. */
  get file(): DescFile {
    return this.registry.getFile(ownName)!
  }

  /** All types that the schema defines or imports. Throws InvalidSchema where the imports contradict each other. */
  get registry(): FileRegistry {
    this.#registry ??= this.#makeRegistry()
    return this.#registry
  }

  /** The full name of the first message; undefined where there is none. */
  get recordName(): string | undefined {
    const first = this.proto.messageType[0]?.name
    return first === undefined || this.proto.package === '' ? first : `${this.proto.package}.${first}`
  }

  #makeRegistry(): FileRegistry {
    const files = new Map<string, FileDescriptorProto>()
    const take = (name: string, file: FileDescriptorProto): void => {
      if (files.has(name)) return
      for (const path of file.dependency) {
        const imported = this.#known.get(path)?.proto ?? builtInFile(path)?.proto
        if (imported !== undefined) take(path, imported)
      }
      const named = clone(FileDescriptorProtoSchema, file)
      named.name = name
      files.set(name, named)
    }
    take(ownName, this.proto)
    try {
      return createFileRegistry(create(FileDescriptorSetSchema, { file: [...files.values()] }))
    } catch (error) {
      throw new InvalidSchema((error as Error).message)
    }
  }

  /** The schema as GET …?format= shows it. */
  formatted(format: ProtobufFormat): string {
    if (format === 'serialized') return Buffer.from(toBinary(FileDescriptorProtoSchema, this.proto)).toString('base64')
    return this.text
  }
}

/** Throws InvalidSchema. */
export function parseProtobuf(text: string, known: KnownFiles, { normalize }: { normalize: boolean }): ProtobufDocument {
  const source = isBase64(text) ? printProto(writtenFrom(descriptorIn(text))) : text
  let written = parseProto(source)
  const imported = (path: string): Linked | undefined => known.get(path) ?? builtInFile(path)
  let linked = link(written.proto, imported)
  if (normalize) {
    written = normalized(written.proto, linked.proto)
    linked = link(written.proto, imported)
  }
  const canonical = printProto(written)
  if (Buffer.byteLength(canonical) > schemaBytesMax) throw new InvalidSchema(`the canonical text is longer than ${schemaBytesMax} bytes`)
  const document = new ProtobufDocument(canonical, linked, known)
  // Made here, so that what does not fit together is found now and not with the first record.
  if (document.registry.getFile(ownName) === undefined) throw new InvalidSchema('the schema does not go with what it imports')
  return document
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/]+={0,2}\s*$/.test(text)
}

function descriptorIn(text: string): FileDescriptorProto {
  try {
    return fromBinary(FileDescriptorProtoSchema, Buffer.from(text, 'base64'))
  } catch {
    throw new InvalidSchema('the text is neither a .proto file nor a FileDescriptorProto in base64')
  }
}
