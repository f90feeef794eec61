// Walks a decoded input along its operation's members: what it breaks in AWS's words, what it asks for that is not honoured, and what of it a log may show.
import type { AnyMember, Member, Members, Rule } from './operation.ts'

const violationCountMax = 10

/**
 * What a decoded input breaks, in AWS's sentences ("Value 'x' at 'streamName' failed to satisfy constraint: Member must …"), the ten
 * first in the order of the members; empty where all constraints hold.
 */
export function violations(members: Members, input: Readonly<Record<string, unknown>>): string[] {
  const found: string[] = []
  // Paths are made for what does not fit only: nearly every request does, and may have hundreds of members.
  if (!allFit(members, input)) collect(members, input, '', found)
  return found
}

/** The ValidationException's message of such a list. */
export function violationsMessage(found: readonly string[]): string {
  return `${found.length} validation error${found.length === 1 ? '' : 's'} detected: ${found.join('; ')}`
}

/** Of the members present, the first one that is declared but not honoured, and why. */
export function unsupportedMember(members: Members, input: Readonly<Record<string, unknown>>): { name: string; because: string } | undefined {
  for (const [name, member] of Object.entries(members)) {
    if (member.unsupportedBecause !== undefined && input[name] !== undefined) return { name, because: member.unsupportedBecause }
  }
  return undefined
}

/** A decoded input for the operator's log: what is sensitive or large only by its size. */
export function loggable(members: Members, input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const shown = Object.entries(members).filter(([name]) => input[name] !== undefined).map(([name, member]) => {
    const value = input[name] as { length?: number; size?: number } | number | boolean
    const isPlain = !member.isSensitive && (member.kind === 'text' || typeof value !== 'object')
    return [name, isPlain ? value : `<${(value as { length?: number; size?: number }).length ?? (value as { size?: number }).size ?? 1} of ${member.kind}>`]
  })
  return Object.fromEntries(shown) as Record<string, unknown>
}

function allFit(members: Members, input: Readonly<Record<string, unknown>>): boolean {
  for (const name in members) {
    const member = members[name] as AnyMember
    const value = input[name]
    if (value === undefined ? member.isRequired : !fits(member, value)) return false
  }
  return true
}

function fits(member: AnyMember, value: unknown): boolean {
  for (const rule of member.rules as readonly Rule<unknown>[]) if (!rule.ok(value)) return false
  if (member.kind === 'structure') return allFit(member.members, value as Record<string, unknown>)
  if (member.kind === 'list') return (value as readonly unknown[]).every(item => item !== undefined && fits(member.item as AnyMember, item))
  return true
}

function collect(members: Members, input: Readonly<Record<string, unknown>>, parent: string, found: string[]): void {
  for (const name in members) judge(members[name] as AnyMember, input[name], parent + name[0]!.toLowerCase() + name.slice(1), found)
}

function judge(member: AnyMember, value: unknown, path: string, found: string[], isItem = false): void {
  if (value === undefined) {
    if (member.isRequired || isItem) note(`Value null at '${path}' failed to satisfy constraint: Member must not be null`, found)
    return
  }
  for (const rule of member.rules as readonly Rule<unknown>[]) {
    if (rule.ok(value)) continue
    note(`Value '${(member as Member<unknown>).print(value)}' at '${path}' failed to satisfy constraint: ${rule.must}`, found)
  }
  if (member.kind === 'structure') collect(member.members, value as Record<string, unknown>, `${path}.`, found)
  if (member.kind === 'list') {
    const items = value as readonly unknown[]
    for (let at = 0; at < items.length && found.length < violationCountMax; at++) {
      judge(member.item as AnyMember, items[at], `${path}.${at + 1}.member`, found, true)
    }
  }
}

function note(sentence: string, found: string[]): void {
  if (found.length < violationCountMax) found.push(sentence)
}
