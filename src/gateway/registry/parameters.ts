// Query and path parameters of the registry's API, read as Confluent's server reads them: a flag is set by `true` in any case, a page by offset and limit.
import type { Request } from 'express'
import { refusals, type RegistryRefusal } from '../../registry/errors.ts'
import type { VersionSpec } from '../../registry/registry.ts'

export function flag(request: Request, name: string): boolean {
  const value = request.query[name]
  return typeof value === 'string' && value.toLowerCase() === 'true'
}

/** `offset` from 0, `limit` with -1 for all; `countMax` bounds both. */
export function page<T>(request: Request, items: readonly T[], countMax = Infinity): T[] {
  const offset = wholeNumber(request.query['offset']) ?? 0
  const limit = Math.min(wholeNumber(request.query['limit']) ?? Infinity, countMax)
  return items.slice(offset, offset + limit)
}

/** `latest` and `-1` are the newest. */
export function versionIn(text: string): VersionSpec | RegistryRefusal {
  if (text === 'latest' || text === '-1') return 'latest'
  const version = /^\d{1,10}$/.test(text) ? Number(text) : 0
  return version >= 1 && version <= 0x7fffffff ? version : refusals.invalidVersion(text.slice(0, 64))
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : undefined
}
