// Every API the Kafka facade serves, by key. Routing, ApiVersions, coverage tables and tests go by this array.
import type { Served } from '../api.ts'
import { metadata } from './03-metadata.ts'

export const apis: readonly Served[] = [
  metadata,
]
