// What a consumer instance subscribes to: topics by name, or all whose names match a pattern. A pattern is matched by an engine that takes linear time whatever
// it says, against the topics that the instance's principal may read, and again as topics come and go.
import { RE2JS } from 're2js'
import type { Access, Admin, Caller } from '../../../ports.ts'
import { expectOnTopic } from '../../callers.ts'
import { Problem } from '../../problem.ts'

export interface Subscription {
  /** The topics as they are now, sorted. */
  readonly topics: () => Promise<readonly string[]>
}

const topicsMax = 1_000
const topicCharactersMax = 249
const patternCharactersMax = 1_000

/** `{topics: […]}` or `{topic_pattern: …}`. Throws 422 for anything else, 403 (40301) for a topic that the caller may not read. */
export function parseSubscription(body: unknown, { access, admin, caller }: { access: Access; admin: Admin; caller: Caller }): Subscription {
  const { topics, topic_pattern: pattern } = (typeof body === 'object' && body !== null ? body : {}) as { topics?: unknown; topic_pattern?: unknown }
  if ((topics ?? null) === null && typeof pattern === 'string') return byPattern(pattern, { access, admin, caller })
  if ((pattern ?? null) !== null) throw new Problem(422, 'Subscription to topics and pattern are mutually exclusive: give topics, a list, or topic_pattern, a text')
  if (!Array.isArray(topics) || topics.length === 0 || topics.length > topicsMax || !topics.every(isTopicName)) {
    throw new Problem(422, `topics must be a list of 1 to ${topicsMax} names of topics`)
  }
  const names = [...new Set(topics)].toSorted()
  for (const name of names) expectOnTopic(access, caller, 'read', name)
  return { topics: async () => names }
}

function byPattern(text: string, { access, admin, caller }: { access: Access; admin: Admin; caller: Caller }): Subscription {
  const matches = compile(text)
  return {
    async topics() {
      const topics = await admin.topics()
      const found = topics.filter(({ name, internal }) => !internal && matches(name) && access.wouldAllow(caller, 'read', 'topic', name))
      return found.slice(0, topicsMax).map(({ name }) => name)
    },
  }
}

function compile(text: string): (name: string) => boolean {
  if (text === '' || text.length > patternCharactersMax) throw new Problem(422, `topic_pattern must have 1 to ${patternCharactersMax} characters`)
  try {
    const pattern = RE2JS.compile(text)
    // The whole name, as Java's consumer matches it.
    return name => pattern.matches(name)
  } catch (error) {
    throw new Problem(422, `topic_pattern is not a pattern that can be matched: ${(error as Error).message.slice(0, 200)}`)
  }
}

function isTopicName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= topicCharactersMax
}
