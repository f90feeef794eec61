// What is forgotten first, by number and by weight.
import { expect, test } from 'vitest'
import { WeighedLru } from '../../src/base/weighed-lru.ts'

test('forgets what was used longest ago until number and weight are within their bounds', () => {
  const lru = new WeighedLru<string, number>({ countMax: 3, weightMax: 10 })
  const kept = (): (number | undefined)[] => ['a', 'b', 'c', 'd'].map(key => lru.get(key))
  for (const [at, key] of ['a', 'b', 'c'].entries()) lru.set(key, at, 3)
  expect(kept()).toEqual([0, 1, 2, undefined])
  lru.get('a')
  lru.set('d', 3, 1)
  expect(kept()).toEqual([0, undefined, 2, 3])
  lru.set('c', 4, 8)
  expect(kept()).toEqual([undefined, undefined, 4, 3])
  lru.set('a', 5, 100)
  expect(kept()).toEqual([5, undefined, undefined, undefined])
  lru.set('a', 6, 1)
  lru.set('b', 7, 9)
  expect([kept(), lru.size]).toEqual([[6, 7, undefined, undefined], 2])
})
