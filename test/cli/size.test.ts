import { describe, expect, it } from 'vitest'
import { formatSize, parseSize } from '../../src/cli/size.ts'

describe('sizes', () => {
  it.each([
    ['17', 17], ['17B', 17], ['1KiB', 1024], ['1.5 MiB', 1_572_864], ['10GiB', 10 * 1024 ** 3], ['10gib', 10 * 1024 ** 3], ['2TiB', 2 * 1024 ** 4],
  ])('are read: %s', (text, bytes) => expect(parseSize(text, '--limit')).toBe(bytes))

  it.each(['', 'GiB', '10GB', '10G', '-1KiB', '1e3', '1,5GiB', '10 apples', '0', '0.1B', '99999PiB'])('are refused with the text that was wrong: %s', text => {
    expect(() => parseSize(text, '--limit')).toThrow(`--limit: '${text}' is not a size`)
  })

  it.each([
    [0, '0 B'], [1023, '1023 B'], [1024, '1 KiB'], [1536, '1.5 KiB'], [1024 ** 2 - 1, '1 MiB'], [10 * 1024 ** 3, '10 GiB'], [123_456_789, '117.74 MiB'],
  ])('are shown: %d', (bytes, text) => expect(formatSize(bytes)).toBe(text))
})
