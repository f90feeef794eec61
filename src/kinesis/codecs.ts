// The two forms in which Kinesis's requests and answers are written, by content type: AWS JSON 1.1 and the older CBOR, which the Java SDK speaks by default.
import { CborBody } from '../wire/aws-cbor-body.ts'
import { decodeCborBody, encodeCborError, encodeCborMembers } from '../wire/aws-cbor.ts'
import { JsonBody } from '../wire/aws-json-body.ts'
import { decodeBody, encodeMembers } from '../wire/aws-json.ts'
import type { Members } from '../wire/operation.ts'

export interface Codec {
  readonly contentType: string
  /** What the payload of an event says to be. */
  readonly eventContentType: string
  /** How to take a well-formed body apart; undefined where it is none. */
  parse(bytes: Buffer): DecodeBody | undefined
  encode(members: Members, output: Readonly<Record<string, unknown>>): string | Buffer
  encodeError(type: string, named: 'message' | 'Message', message: string | undefined): string | Buffer
}

/** The body's members by name. Throws SerializationFault where they have not the types declared. */
export type DecodeBody = (members: Members) => Record<string, unknown>

export const jsonCodec: Codec = {
  contentType: 'application/x-amz-json-1.1',
  eventContentType: 'application/json',
  parse(bytes) {
    const body = JsonBody.parse(bytes)
    return body && (members => decodeBody(members, body))
  },
  encode: encodeMembers,
  encodeError: (type, named, message) => JSON.stringify({ __type: type, [named]: message }),
}

export const cborCodec: Codec = {
  contentType: 'application/x-amz-cbor-1.1',
  eventContentType: 'application/x-amz-cbor-1.1',
  parse(bytes) {
    const body = CborBody.parse(bytes)
    return body && (members => decodeCborBody(members, body))
  },
  encode: encodeCborMembers,
  encodeError: encodeCborError,
}

export const codecs: ReadonlyMap<string, Codec> = new Map([jsonCodec, cborCodec].map(codec => [codec.contentType, codec]))
