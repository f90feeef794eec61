// From a frame to its answer: header, version, decoding, access, handler, encoding. Knows every API from one array and nothing of sockets.
import type { AclOperation, Caller, ResourceType } from '../ports.ts'
import { Reader, WireError, Writer } from '../wire/bytes.ts'
import { defaultOf, inRange } from '../wire/spec.ts'
import type { Served } from './api.ts'
import type { Context, Services } from './context.ts'
import type { Reach } from './endpoints.ts'
import { ErrorCode } from './errors.ts'
import { operationBit, operationsOn } from './operations.ts'

/** What a connection tells about itself with each frame. */
export interface Peer {
  readonly caller: Caller
  readonly listener: string
  readonly signal: AbortSignal
  readonly reach: Reach
}

/** One request as it was served. Metadata only. */
export interface RequestSeen {
  readonly api: string
  readonly version: number
  readonly clientId: string | null
  readonly caller: Caller
  readonly listener: string
  readonly requestBytes: number
  readonly answerBytes: number
  readonly durationMs: number
  /** The first error code in the answer, or 0. */
  readonly errorCode: number
}

export interface Answer {
  /** The frame with its length; undefined where the client waits for none. */
  readonly slices: readonly Buffer[] | undefined
  /** Bytes of the answer budget to give back once it is sent. */
  readonly reserved: number
}

/** A request that cannot be answered in its own protocol: the connection is to be closed, for the reason in the message. */
export class Unanswerable extends Error {
  override readonly name = 'Unanswerable'
}

const apiVersionsKey = 18

export class Dispatcher {
  readonly #services: Services
  readonly #apis: ReadonlyMap<number, Served>
  readonly #observe: ((seen: RequestSeen) => void) | undefined

  constructor(options: { apis: readonly Served[]; services: Services; observe?: ((seen: RequestSeen) => void) | undefined }) {
    this.#services = options.services
    this.#apis = new Map(options.apis.map(api => [api.definition.key, api]))
    this.#observe = options.observe
  }

  /** Rejects with WireError or Unanswerable where the connection must be closed; with anything else on a bug or a failed disk. */
  async dispatch(frame: Buffer, peer: Peer, startNext: () => void): Promise<Answer> {
    const { clock, settings, answerBudget } = this.#services
    const startedAt = clock.monotonic()
    const reader = new Reader(frame, { elementsMax: settings.requestElementsMax })
    const key = reader.int16()
    const version = reader.int16()
    const correlationId = reader.int32()
    const api = this.#apis.get(key)
    if (api === undefined) throw new Unanswerable(`api key ${key} is not served`)
    const { definition } = api
    if (!inRange(version, definition.versions)) return { slices: this.#refuseVersion(api, version, correlationId), reserved: 0 }

    const isFlexible = definition.request.isFlexible(version)
    // The client id keeps its int16 length even in the flexible header (KIP-482), so that any version's header can be read.
    const clientId = reader.nullableString()
    if (isFlexible) skipTags(reader)
    const request = api.decode(reader, version)

    let reserved = 0
    const context: Context = {
      ...this.#services,
      version,
      clientId,
      caller: peer.caller,
      listener: peer.listener,
      signal: peer.signal,
      startNext,
      reach: peer.reach,
      may: (operation, type, name) => this.#services.access.allows(peer.caller, operation, type, name),
      authorizedOperations: (type, name) => this.#authorizedOperations(peer.caller, type, name),
      reserveAnswer: (bytes, atLeast) => {
        const taken = answerBudget.take(bytes, atLeast)
        reserved += taken
        return taken
      },
      returnReserved: bytes => {
        answerBudget.release(bytes)
        reserved -= bytes
      },
    }
    try {
      const response = await api.handle(request, context)
      const fate = api.fate(request, response)
      if (fate === 'close') throw new Unanswerable(`${definition.name} that waits for no answer failed`)
      const slices = fate === 'send' ? encodeAnswer(api, response, version, correlationId) : undefined
      this.#observe?.({
        api: definition.name, version, clientId, caller: peer.caller, listener: peer.listener, requestBytes: frame.length,
        answerBytes: slices?.reduce((sum, slice) => sum + slice.length, 0) ?? 0, durationMs: clock.monotonic() - startedAt, errorCode: api.errorIn(response),
      })
      return { slices, reserved }
    } catch (error) {
      answerBudget.release(reserved)
      throw error
    }
  }

  /**
   * ApiVersions says which of its versions would work, in version 0, which everybody reads (KIP-511). Other APIs answer UNSUPPORTED_VERSION in
   * the closest version where their response begins with an error code; for the rest the connection is closed, as Apache Kafka does.
   */
  #refuseVersion(api: Served, version: number, correlationId: number): Buffer[] {
    const { key, name, versions } = api.definition
    const errorCode = ErrorCode.UNSUPPORTED_VERSION
    if (key === apiVersionsKey) {
      const apiKeys = [{ apiKey: key, minVersion: versions.first, maxVersion: versions.last }]
      return encodeAnswer(api, { errorCode, apiKeys }, 0, correlationId)
    }
    const hasErrorCode = api.definition.response.spec.fields!.some(field => field.name === 'errorCode')
    if (!hasErrorCode || version < 0) throw new Unanswerable(`${name} v${version} is not served, only ${versions.first}-${versions.last}`)
    const closest = version < versions.first ? versions.first : versions.last
    const required = api.definition.response.spec.fields!.map(field => [field.name, defaultOf(field.spec)])
    return encodeAnswer(api, { ...Object.fromEntries(required), errorCode }, closest, correlationId)
  }

  #authorizedOperations(caller: Caller, type: ResourceType, name: string): number {
    const may = (operation: AclOperation): boolean => this.#services.access.wouldAllow(caller, operation, type, name)
    return operationsOn(type).reduce((bits, operation) => (may(operation) ? bits | operationBit(operation) : bits), 0)
  }
}

function encodeAnswer(api: Served, response: unknown, version: number, correlationId: number): Buffer[] {
  const writer = new Writer()
  writer.int32(0)
  writer.int32(correlationId)
  // ApiVersions keeps the old response header in all its versions: its reader does not know yet what the server speaks.
  if (api.definition.key !== apiVersionsKey && api.definition.response.isFlexible(version)) writer.uvarint(0)
  api.encode(writer, response, version)
  const slices = writer.finish()
  slices[0]!.writeInt32BE(writer.size - 4, 0)
  return slices
}

function skipTags(reader: Reader): void {
  const count = reader.uvarint()
  if (count > 64) throw new WireError(`${count} tagged fields in the request header`)
  for (let index = 0; index < count; index++) {
    reader.uvarint()
    reader.skip(reader.uvarint())
  }
}
