import { expect, test } from 'vitest'
import { lineDiff } from '../../../src/gateway/glue/line-diff.ts'

test('lines that came, went and stayed are shown in their order', () => {
  expect(lineDiff(['a', 'b', 'c', 'd'], ['a', 'x', 'c', 'y', 'd'])).toBe([' a', '-b', '+x', ' c', '+y', ' d'].join('\n'))
  expect(lineDiff(['a'], ['a'])).toBe(' a')
  expect(lineDiff([], ['a'])).toBe('+a')
  expect(lineDiff(['a'], [])).toBe('-a')
})

test('what differs too much to be compared is shown as replaced', () => {
  const lines = (name: string): string[] => Array.from({ length: 5_000 }, (_, at) => `${name} ${at}`)
  const diff = lineDiff(['same', ...lines('old')], ['same', ...lines('new')]).split('\n')
  expect(diff).toHaveLength(10_001)
  expect([diff[0], diff[1], diff[5_000], diff[5_001]]).toEqual([' same', '-old 0', '-old 4999', '+new 0'])
})
