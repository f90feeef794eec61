// The parts that inputs of CloudWatch's operations have in common, whichever protocol they came by: in a form everything is text.
import { z } from 'zod'
import { CloudWatchError, wrongValue } from './errors.ts'
import type { Values } from './protocols.ts'

const dimensionsMax = 30
/** What a Date can be. */
const dateMsMax = 8.64e15

/** Seconds since the epoch, ISO 8601 text, or a Date; milliseconds since the epoch once read. */
export const time = z.union([
  z.date().transform(date => date.getTime()),
  z.number().transform(seconds => Math.round(seconds * 1_000)),
  z.string().transform((text, context) => {
    const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text)
    if (!Number.isNaN(ms)) return ms
    context.addIssue({ code: 'custom', message: 'must be a time' })
    return z.NEVER
  }),
]).refine(ms => Math.abs(ms) <= dateMsMax, 'must be a time')
/** CloudWatch's bound, which keeps sums of them finite, too. */
const figureMax = 2 ** 360
/** A number that can be added up. */
export const figure = z.union([z.number(), z.string().regex(/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/).transform(Number)])
  .refine(value => Math.abs(value) <= figureMax, 'must be in the range of -2^360 to 2^360')
export const whole = z.coerce.number().int()
export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform(text => text === 'true')])
export const namespace = z.string().min(1).max(255).regex(/^[^:]/, 'must not begin with a colon')
export const metricName = z.string().min(1).max(255)

/** A list; a form has an empty text for one without elements. */
export function listOf<T extends z.ZodType>(item: T, countMax: number) {
  return z.preprocess(value => (value === '' ? [] : value), z.array(item).max(countMax))
}

export const dimensions = listOf(z.object({ Name: z.string().min(1).max(255), Value: z.string().min(1).max(1024) }), dimensionsMax)
  .transform(list => list.map(({ Name, Value }) => ({ name: Name, value: Value })))

/** The input as the schema has it, or AWS's error for the first thing that is missing or wrong. */
export function readInput<T extends z.ZodType>(schema: T, input: Values): z.output<T> | CloudWatchError {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  // Lists are counted from one, as the Query protocol names their elements.
  const path = issue.path.map(part => (typeof part === 'number' ? `member.${part + 1}` : String(part))).join('.')
  const given = issue.path.reduce<unknown>((value, part) => (typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined), input)
  if (given === undefined && issue.code !== 'custom') return new CloudWatchError('MissingRequiredParameterException', `The parameter ${path} is required.`)
  const shown = JSON.stringify(given)?.slice(0, 128) ?? ''
  return wrongValue(`The value ${shown} for parameter ${path} is invalid: ${issue.message}.`)
}
