// One Protobuf schema: what was written, what it means once linked with what it imports, and its canonical text. A schema is .proto text or, as some clients
// register it, a FileDescriptorProto in base64; both end as the same text.
import { clone, create, createFileRegistry, type DescFile, type FileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { InvalidSchema } from '../errors.ts'
import { schemaBytesMax } from '../exact-json.ts'
import { builtInFile } from './built-in.ts'
import { applyCustomOptions } from './custom-options.ts'
import { writtenFrom } from './descriptor.ts'
import { link, type Linked } from './linker.ts'
import { normalized, withoutExtensions } from './normalizer.ts'
import { parseProto, type WrittenFile } from './parser.ts'
import { printProto } from './printer.ts'

/** The name of a schema's own file, which nothing imports. */
const ownName = 'default'

/** The schemas that a schema refers to, and those that they refer to, by the path that imports name them by. */
export type KnownFiles = ReadonlyMap<string, ProtobufDocument>

/** How a schema can be asked for: as canonical text, without what extends options, or as its FileDescriptorProto in base64. */
export type ProtobufFormat = 'default' | 'ignore_extensions' | 'serialized'

export class ProtobufDocument implements Linked {
  /** Canonical. */
  readonly text: string
  readonly proto: FileDescriptorProto
  readonly names: Linked['names']
  readonly #written: WrittenFile
  readonly #known: KnownFiles
  #registry: FileRegistry | undefined

  constructor(written: WrittenFile, { proto, names }: Linked, known: KnownFiles) {
    this.text = printProto(written)
    this.#written = written
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
        const imported = (builtInFile(path) ?? this.#known.get(path))?.proto
        if (imported !== undefined) take(path, imported)
      }
      // Imported under another name than its own, if it has one.
      const named = file.name === name ? file : clone(FileDescriptorProtoSchema, file)
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
    switch (format) {
      case 'default': return this.text
      case 'ignore_extensions': return printProto(withoutExtensions(this.#written))
      case 'serialized': return Buffer.from(toBinary(FileDescriptorProtoSchema, this.proto)).toString('base64')
    }
  }
}

export interface ProtobufParsing {
  readonly normalize: boolean
  /** New schemas are held to every rule; stored ones must stay readable. */
  readonly strict: boolean
}

/** Throws InvalidSchema. */
export function parseProtobuf(text: string, known: KnownFiles, { normalize, strict }: ProtobufParsing): ProtobufDocument {
  if (isBase64(text)) return parseProtobuf(textOfDescriptor(text, known), known, { normalize, strict })
  const written = parseProto(text)
  const document = documentOf(written, known, strict)
  return normalize ? documentOf(normalized(written.proto, document.proto, document.registry), known, strict) : document
}

function documentOf(written: WrittenFile, known: KnownFiles, strict: boolean): ProtobufDocument {
  const linked = link(written.proto, path => builtInFile(path) ?? known.get(path), { strict })
  linked.proto.name = ownName
  const document = new ProtobufDocument(written, linked, known)
  // An empty text stands for that of the latest version.
  if (document.text === '') throw new InvalidSchema('the schema is empty')
  if (Buffer.byteLength(document.text) > schemaBytesMax) throw new InvalidSchema(`the canonical text is longer than ${schemaBytesMax} bytes`)
  // Now, so that what does not fit together is found before the first record.
  applyCustomOptions(linked.proto, document.registry)
  return document
}

/** Options that the descriptor's extensions define, or those of its imports, can only be read once it is linked. */
function textOfDescriptor(text: string, known: KnownFiles): string {
  const plain = printProto(writtenFrom(descriptorIn(text)))
  const { registry } = parseProtobuf(plain, known, { normalize: false, strict: false })
  return printProto(writtenFrom(descriptorIn(text), registry))
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
