// The subject of a certificate as text, read from its DER by a small strict reader: Node prints a subject in encoded order with ambiguous
// separators, and identity must not hang on that. The text is RFC 2253 as Java writes it (so that Kafka's ACLs and mapping rules carry over):
// last RDN first, `,` between RDNs and `+` inside one, a keyword or the dotted type, `\` before , = + < > # ; " \ and outer spaces.
// Refused: more than one CN, control characters, text that is not what its string type says, string types that readers disagree on.

/** RFC 2253 text of the subject of a DER certificate, or why it is no identity. */
export function subjectOf(certificate: Uint8Array): { readonly text: string } | { readonly refused: string } {
  try {
    return { text: readSubject(Buffer.from(certificate.buffer, certificate.byteOffset, certificate.byteLength)) }
  } catch (error) {
    if (error instanceof SubjectError) return { refused: error.message }
    throw error
  }
}

class SubjectError extends Error {}

const attributesMax = 64
const tag = { integer: 0x02, objectIdentifier: 0x06, utf8: 0x0c, printable: 0x13, ia5: 0x16, sequence: 0x30, set: 0x31, version: 0xa0 }

/** The types that RFC 2253 (and Java) print by keyword; all others are printed as `1.2.3=#` and the value's DER in hexadecimal. */
const keywords = new Map([
  ['2.5.4.3', 'CN'], ['2.5.4.6', 'C'], ['2.5.4.7', 'L'], ['2.5.4.8', 'ST'], ['2.5.4.9', 'STREET'], ['2.5.4.10', 'O'], ['2.5.4.11', 'OU'],
  ['0.9.2342.19200300.100.1.1', 'UID'], ['0.9.2342.19200300.100.1.25', 'DC'],
])

function readSubject(certificate: Buffer): string {
  const body = new Der(new Der(certificate).take(tag.sequence)).take(tag.sequence)
  const fields = new Der(body)
  if (fields.peek() === tag.version) fields.take(tag.version)
  fields.take(tag.integer) // serial number
  fields.take(tag.sequence) // signature algorithm
  fields.take(tag.sequence) // issuer
  fields.take(tag.sequence) // validity
  const names = new Der(fields.take(tag.sequence))

  const parts: string[] = []
  let attributes = 0
  let commonNames = 0
  while (!names.atEnd) {
    const set = new Der(names.take(tag.set))
    const pairs: string[] = []
    while (!set.atEnd) {
      if (++attributes > attributesMax) throw new SubjectError(`the subject has more than ${attributesMax} attributes`)
      const pair = new Der(set.take(tag.sequence))
      const type = dotted(pair.take(tag.objectIdentifier))
      const value = pair.rest()
      const keyword = keywords.get(type)
      if (keyword === 'CN' && ++commonNames > 1) throw new SubjectError('the subject has more than one CN')
      pairs.push(keyword === undefined ? `${type}=#${value.toString('hex')}` : `${keyword}=${escape(readText(value, keyword))}`)
    }
    if (pairs.length === 0) throw new SubjectError('the subject has an empty RDN')
    parts.unshift(pairs.join('+'))
  }
  if (parts.length === 0) throw new SubjectError('the subject is empty')
  return parts.join(',')
}

function readText(der: Buffer, keyword: string): string {
  const reader = new Der(der)
  const type = reader.peek()
  if (type !== tag.utf8 && type !== tag.printable && type !== tag.ia5) {
    throw new SubjectError(`${keyword} has string type 0x${type.toString(16)}; only UTF8String, PrintableString and IA5String are read`)
  }
  const bytes = reader.take(type)
  if (!reader.atEnd) throw new SubjectError(`${keyword} has bytes after its value`)
  if (type !== tag.utf8 && bytes.some(byte => byte > 0x7e)) throw new SubjectError(`${keyword} has bytes that its string type does not allow`)
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new SubjectError(`${keyword} is not UTF-8`)
  }
  if (text === '') throw new SubjectError(`${keyword} is empty`)
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) throw new SubjectError(`${keyword} has a control character`)
  return text
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function escape(text: string): string {
  return text.replace(/[,=+<>#;"\\]/g, '\\$&').replace(/^ +| +$/g, spaces => '\\ '.repeat(spaces.length))
}

function dotted(bytes: Buffer): string {
  const numbers: number[] = []
  let value = 0
  for (const byte of bytes) {
    if (value === 0 && byte === 0x80) throw new SubjectError('the subject has a malformed attribute type')
    value = value * 128 + (byte & 0x7f)
    if (value > Number.MAX_SAFE_INTEGER) throw new SubjectError('the subject has a malformed attribute type')
    if (byte < 0x80) {
      numbers.push(value)
      value = 0
    }
  }
  const [first, ...others] = numbers
  if (first === undefined || bytes[bytes.length - 1]! >= 0x80) throw new SubjectError('the subject has a malformed attribute type')
  const root = Math.min(Math.trunc(first / 40), 2)
  return [root, first - root * 40, ...others].join('.')
}

/** Tag-length-value, definite and shortest lengths only. */
class Der {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  peek(): number {
    return this.#bytes[this.#at] ?? 0
  }

  /** The contents of the next value, which must carry `expected`. */
  take(expected: number): Buffer {
    const found = this.#byte()
    if (found !== expected) throw new SubjectError(`the certificate is malformed: tag 0x${found.toString(16)} where 0x${expected.toString(16)} belongs`)
    let length = this.#byte()
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count < 1 || count > 3) throw new SubjectError('the certificate is malformed: a length of its DER')
      length = 0
      for (let index = 0; index < count; index++) length = length * 256 + this.#byte()
      if (length < 0x80 || length < 256 ** (count - 1)) throw new SubjectError('the certificate is malformed: a length of its DER')
    }
    if (length > this.#bytes.length - this.#at) throw new SubjectError('the certificate is malformed: it ends too early')
    return this.#bytes.subarray(this.#at, this.#at += length)
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#at, this.#at = this.#bytes.length)
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new SubjectError('the certificate is malformed: it ends too early')
    return byte
  }
}
