// Query and path parameters of the registry's API, read as Confluent's server reads them: a flag is set by `true` in any case, a page by offset and limit.
import type { Request } from 'express'
import { refusals, type RegistryRefusal } from '../../registry/errors.ts'
import type { VersionSpec } from '../../registry/store.ts'

/** What a list has at most where the request does not say less; whoever wants more asks for the next page. */
const listedMax = 20_000

export function flag(request: Request, name: string): boolean {
  return text(request, name)?.toLowerCase() === 'true'
}

/** Undefined where it is absent or came more than once. */
export function text(request: Request, name: string): string | undefined {
  const value = Object.hasOwn(request.query, name) ? request.query[name] : undefined
  return typeof value === 'string' ? value : undefined
}

/** A parameter that may be repeated. */
export function texts(request: Request, name: string): string[] {
  const value = Object.hasOwn(request.query, name) ? request.query[name] : undefined
  return [value ?? []].flat().filter((each): each is string => typeof each === 'string')
}

/** `offset` from 0, `limit` from 1; one that is not in bounds is passed over. */
export function page<T>(request: Request, items: readonly T[], countMax = listedMax): T[] {
  const offset = wholeNumber(text(request, 'offset')) ?? 0
  const limit = wholeNumber(text(request, 'limit')) ?? 0
  return items.slice(offset, offset + (limit > 0 && limit <= countMax ? limit : countMax))
}

/** `latest` and `-1` are the newest. */
export function versionIn(value: string): VersionSpec | RegistryRefusal {
  if (value === 'latest' || value === '-1') return 'latest'
  const version = /^\d{1,10}$/.test(value) ? Number(value) : 0
  return version >= 1 && version <= 0x7fffffff ? version : refusals.invalidVersion(value.slice(0, 64))
}

/** Undefined where the request does not say. */
export function normalizeIn(request: Request): boolean | undefined {
  return text(request, 'normalize') === undefined ? undefined : flag(request, 'normalize')
}

function wholeNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined
}
