// How v3 writes a thing: `{kind, metadata{self, resource_name}, …}`, a list of them `{kind, metadata{self, next}, data[]}`, and the links between them. Links are absolute,
// with the host that the client asked; names are CRNs, `crn:///kafka=<cluster>/topic=<topic>`.
import type { Request, Response } from 'express'
import { originOf } from '../origin.ts'

/** A step of a path, or of a name. */
export type Segment = string | number

export interface Relationship {
  readonly related: string
}

export interface Resource {
  readonly kind: string
  readonly metadata: { readonly self: string; readonly resource_name?: string }
}

export interface Collection<T> {
  readonly kind: string
  readonly metadata: { readonly self: string; readonly next: null }
  readonly data: readonly T[]
}

/** The cluster as one client addresses it. */
export class Place {
  readonly clusterId: string
  readonly #root: string

  constructor(request: Request, clusterId: string) {
    this.clusterId = clusterId
    this.#root = `${originOf(request)}/v3/clusters/${encodeURIComponent(clusterId)}`
  }

  /** The address of what stands at that path below the cluster. */
  url(...path: readonly Segment[]): string {
    return [this.#root, ...path.map(segment => encodeURIComponent(segment))].join('/')
  }

  related(...path: readonly Segment[]): Relationship {
    return { related: this.url(...path) }
  }

  /** Kinds and names in turn; a last kind may stand without a name. */
  crn(...steps: readonly Segment[]): string {
    let name = `crn:///kafka=${encodeURIComponent(this.clusterId)}`
    for (const [at, step] of steps.entries()) name += `${at % 2 === 0 ? '/' : '='}${encodeURIComponent(step)}`
    return name
  }

  /** The two members that every resource begins with. */
  resource(kind: string, at: { readonly path: readonly Segment[]; readonly name: readonly Segment[] }): Resource {
    return { kind, metadata: { self: this.url(...at.path), resource_name: this.crn(...at.name) } }
  }

  /** All of them at once: nothing here is so many that it has pages. */
  collection<T>(kind: string, path: readonly Segment[], data: readonly T[]): Collection<T> {
    return { kind, metadata: { self: this.url(...path), next: null }, data }
  }
}

/** Makes `place` the one that `placeOf` gives. */
export function setPlace(response: Response, place: Place): void {
  response.locals['place'] = place
}

/** The place of the cluster that the request's path names: the router has found that it is there. */
export function placeOf(response: Response): Place {
  return response.locals['place'] as Place
}
