// Channels deliver the records of streams somewhere else. What the streams have to know of them: which ones are theirs.
import type { Document, Topic } from '../ports.ts'
import type { Services } from './context.ts'

export function channelsOf(topic: Topic, { documents }: Pick<Services, 'documents'>): readonly Document[] {
  return documents.all('kinesis-channel').filter(({ topicId }) => topicId === topic.id)
}
