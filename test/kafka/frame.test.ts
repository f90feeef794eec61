import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { FrameAssembler } from '../../src/kafka/frame.ts'
import { seed } from '../support/seed.ts'
import { framed } from './raw-client.ts'

describe('frames', () => {
  it('come out whole and in order however the stream is cut', () => {
    const random = new Prng(seed)
    for (let round = 0; round < 200; round++) {
      const frames = Array.from({ length: 1 + random.below(8) }, () => random.bytes(random.pick([0, 1, 3, 100, 5000])))
      let stream = Buffer.concat(frames.map(framed))
      const total = stream.length
      const assembler = new FrameAssembler(10_000)
      const seen: Buffer[] = []
      let pushed = 0
      while (stream.length > 0) {
        const cut = 1 + random.below(random.pick([2, 10, 4000]))
        const chunk = stream.subarray(0, cut)
        stream = stream.subarray(cut)
        assembler.push(chunk)
        pushed += chunk.length
        expect(assembler.held, `SEED=${seed}`).toBe(pushed - seen.reduce((sum, frame) => sum + 4 + frame.length, 0))
        for (let frame = assembler.next(); frame !== undefined; frame = assembler.next()) seen.push(frame)
      }
      expect(pushed).toBe(total)
      expect(Buffer.concat(seen).equals(Buffer.concat(frames)), `SEED=${seed}`).toBe(true)
      expect([seen.length, assembler.held, assembler.isReady], `SEED=${seed}`).toEqual([frames.length, 0, false])
    }
  })

  it('are views of the chunk they came in', () => {
    const chunk = framed(Buffer.from('abc'))
    const assembler = new FrameAssembler(100)
    assembler.push(chunk)
    const frame = assembler.next()!
    chunk[4] = 0x58
    expect(frame.toString()).toBe('Xbc')
  })

  it('sent byte by byte are held as bytes, not as objects', () => {
    const assembler = new FrameAssembler(100_000)
    const whole = framed(new Prng(1).bytes(50_000))
    for (let at = 0; at < whole.length; at++) assembler.push(whole.subarray(at, at + 1))
    expect(assembler.next()!.equals(whole.subarray(4))).toBe(true)
  })

  it('of a length that is not allowed are refused as soon as the length is there', () => {
    for (const [length, allowed] of [[-1, false], [101, false], [100, true], [0, true]] as const) {
      const head = Buffer.alloc(4)
      head.writeInt32BE(length)
      const assembler = new FrameAssembler(100)
      assembler.push(head.subarray(0, 2))
      assembler.push(head.subarray(2))
      if (allowed) expect(assembler.next()?.length).toBe(length === 0 ? 0 : undefined)
      else expect(() => assembler.next()).toThrow(`frame of ${length} bytes, 100 are allowed`)
    }
  })

  it('that are none do not harm a good one before them', () => {
    const assembler = new FrameAssembler(100)
    assembler.push(Buffer.concat([framed(Buffer.from('good')), Buffer.from('7fffffff', 'hex')]))
    expect(assembler.next()!.toString()).toBe('good')
    expect(assembler.isReady).toBe(true)
    expect(() => assembler.next()).toThrow('frame of 2147483647 bytes')
  })
})
