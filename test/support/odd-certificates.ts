// Certificates that no well-behaved CA would issue, or that another CA would: any subject, any string type, RSA or EC keys, any dates and
// extensions. Built from DER pieces, because the product's own issuer refuses to make them.
import { generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import forge from 'node-forge'

const { asn1 } = forge
const { Type, Class } = asn1

/** One attribute of a name: its type, its string type (0x0c UTF8String, 0x13 PrintableString …) and its bytes. */
export interface Attribute {
  readonly type: string
  readonly tag?: number
  readonly value: string | Buffer
}

/** RDNs in encoded order; more than one attribute makes a multi-valued RDN. */
export type Name = readonly (readonly Attribute[])[]

export interface OddCertificate {
  readonly subject: Name
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  /** Absent: signs itself. */
  readonly issuer?: { readonly subject: Name; readonly privateKey: KeyObject }
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly purpose?: 'clientAuth' | 'serverAuth'
  readonly isAuthority?: boolean
}

export const cn = (value: string | Buffer, tag?: number): Attribute => ({ type: '2.5.4.3', value, ...(tag === undefined ? undefined : { tag }) })

export const rsaKeys = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
export const ecKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** DER. */
export function oddCertificate(options: OddCertificate): { der: Buffer; pem: string; key: string; subject: Name; privateKey: KeyObject } {
  const { publicKey, privateKey } = options.keys ?? rsaKeys()
  const signer = options.issuer?.privateKey ?? privateKey
  const algorithm = signer.asymmetricKeyType === 'ec' ? sequence(oid('1.2.840.10045.4.3.2')) : sequence(oid('1.2.840.113549.1.1.11'), primitive(Type.NULL, ''))
  const body = sequence(
    asn1.create(Class.CONTEXT_SPECIFIC, 0, true, [primitive(Type.INTEGER, '\u0002')]),
    primitive(Type.INTEGER, `\u0041${forge.random.getBytesSync(15)}`),
    algorithm,
    nameOf(options.issuer?.subject ?? options.subject),
    sequence(time(options.notBefore ?? new Date(Date.now() - 60_000)), time(options.notAfter ?? new Date(Date.now() + 3_600_000))),
    nameOf(options.subject),
    asn1.fromDer(publicKey.export({ type: 'spki', format: 'der' }).toString('latin1')),
    asn1.create(Class.CONTEXT_SPECIFIC, 3, true, [sequence(...extensionsOf(options))]),
  )
  const signature = sign('sha256', bytesOf(body), signer)
  const der = bytesOf(sequence(body, algorithm, primitive(Type.BITSTRING, `\u0000${signature.toString('latin1')}`)))
  const pem = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
  return { der, pem, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, subject: options.subject, privateKey }
}

function extensionsOf({ isAuthority = false, purpose }: OddCertificate): forge.asn1.Asn1[] {
  const extension = (id: string, critical: boolean, value: forge.asn1.Asn1) =>
    sequence(oid(id), primitive(Type.BOOLEAN, critical ? '\u00ff' : '\u0000'), primitive(Type.OCTETSTRING, asn1.toDer(value).getBytes()))
  const purposes = { clientAuth: '1.3.6.1.5.5.7.3.2', serverAuth: '1.3.6.1.5.5.7.3.1' }
  return [
    extension('2.5.29.19', true, sequence(...(isAuthority ? [primitive(Type.BOOLEAN, '\u00ff')] : []))),
    extension('2.5.29.15', true, primitive(Type.BITSTRING, isAuthority ? '\u0001\u0006' : '\u0007\u0080')),
    ...(purpose === undefined ? [] : [extension('2.5.29.37', false, sequence(oid(purposes[purpose])))]),
  ]
}

function nameOf(name: Name): forge.asn1.Asn1 {
  const attribute = ({ type, tag = 0x0c, value }: Attribute) => sequence(oid(type), primitive(tag, Buffer.from(value).toString('latin1')))
  return sequence(...name.map(rdn => asn1.create(Class.UNIVERSAL, Type.SET, true, rdn.map(attribute))))
}

function sequence(...parts: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, parts)
}

function primitive(type: number, bytes: string): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, type, false, bytes)
}

function oid(dotted: string): forge.asn1.Asn1 {
  return primitive(Type.OID, asn1.oidToDer(dotted).getBytes())
}

function time(date: Date): forge.asn1.Asn1 {
  return primitive(Type.UTCTIME, asn1.dateToUtcTime(date) as unknown as string)
}

function bytesOf(value: forge.asn1.Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1')
}
