// Every scenario that can be played, in the order of the catalogue.
import type { Scenario } from '../scenario.ts'
import { failover } from './failover.ts'
import { hotKey } from './hot-key.ts'
import { keyedOrder } from './keyed-order.ts'
import { produceBatch } from './produce-batch.ts'
import { produceOne } from './produce-one.ts'
import { startPosition } from './start-position.ts'

export const scenarios: readonly Scenario[] = [produceOne, produceBatch, keyedOrder, hotKey, startPosition, failover]
