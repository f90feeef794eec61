import { BlockList, isIP } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIpAddress, parseIpRange } from '../../src/base/ip-address.ts'

describe('IP addresses', () => {
  it.each<[string, number, bigint]>([
    ['0.0.0.0', 32, 0n], ['10.1.2.3', 32, 0x0a010203n], ['255.255.255.255', 32, 0xffffffffn], ['::', 128, 0n], ['::1', 128, 1n], ['1::', 128, 1n << 112n],
    ['2001:db8::17', 128, 0x20010db8_0000_0000_0000_0000_0000_0017n], ['1:2:3:4:5:6:7:8', 128, 0x0001_0002_0003_0004_0005_0006_0007_0008n],
    ['::ffff:10.1.2.3', 128, 0xffff_0a01_0203n], ['FE80::A', 128, 0xfe80_0000_0000_0000_0000_0000_0000_000an],
  ])('%s is read', (text, bits, value) => {
    expect(parseIpAddress(text)).toEqual({ bits, value })
  })

  it.each([
    '', '1', '1.2.3', '1.2.3.4.5', '256.0.0.0', '01.2.3.4', '1.2.3.-4', ' 1.2.3.4', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', '12345::', 'g::', '::1%eth0',
    '1.2.3.4::', '::1.2.3', 'localhost',
  ])('%j is none', text => {
    expect(parseIpAddress(text)).toBeUndefined()
  })

  it('are those that Node knows, and lie in the ranges that Node says', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map(value => value.toString(16))
    const six = fc.oneof(
      fc.array(group, { minLength: 8, maxLength: 8 }).map(groups => groups.join(':')),
      fc.tuple(fc.array(group, { maxLength: 4 }), fc.array(group, { maxLength: 3 })).map(([head, tail]) => `${head.join(':')}::${tail.join(':')}`),
    )
    const family = fc.constantFrom({ name: 'ipv4' as const, bits: 32, text: fc.ipV4() }, { name: 'ipv6' as const, bits: 128, text: six })
    const ranges = family.chain(one => fc.record({ name: fc.constant(one.name), start: one.text, address: one.text, prefix: fc.oneof(fc.nat(one.bits), fc.nat(4)) }))
    fc.assert(fc.property(ranges, ({ name, start, address, prefix }) => {
      expect([isIP(start) !== 0, isIP(address) !== 0]).toEqual([true, true])
      const list = new BlockList()
      list.addSubnet(start, prefix, name)
      expect(parseIpRange(`${start}/${prefix}`)!(parseIpAddress(address)!)).toBe(list.check(address, name))
    }), { seed: 4, numRuns: 5_000 })
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('1', 'f', ':', '::', '.', '25'), maxLength: 12 }), text => {
      expect(parseIpAddress(text) !== undefined).toBe(isIP(text) !== 0)
    }), { seed: 4, numRuns: 20_000 })
  })
})

describe('ranges', () => {
  it.each(['', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', '::/129', '::/x'])('%j is none', text => {
    expect(parseIpRange(text)).toBeUndefined()
  })

  it('of one kind of address hold none of the other', () => {
    expect(parseIpRange('0.0.0.0/0')!(parseIpAddress('::1')!)).toBe(false)
    expect(parseIpRange('::/0')!(parseIpAddress('10.0.0.1')!)).toBe(false)
    expect(parseIpRange('10.0.0.1')!(parseIpAddress('10.0.0.1')!)).toBe(true)
  })
})
