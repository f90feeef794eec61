// A topic's configs as the plain numbers its logs work with, and the fixed configs of the topics that coordinators keep their state in.
import { keyIdConfig } from '../ports.ts'
import type { Configs } from './catalog/configs.ts'
import type { LogConfig } from './log/config.ts'

/**
 * Internal topics keep everything until their coordinator has written a snapshot and deletes what came before it. Segments are small, so that
 * this gives the disk back soon; batches may be large, because the records of one decision stand or fall together.
 */
export const internalTopicConfigs: ReadonlyMap<string, string> = new Map([
  ['max.message.bytes', String(32 * 1024 * 1024)],
  ['retention.bytes', '-1'],
  ['retention.ms', '-1'],
  ['segment.bytes', String(32 * 1024 * 1024)],
])

/** `own`: what was set for the topic itself. */
export function logConfigOf(configs: Configs, own: ReadonlyMap<string, string>): LogConfig {
  const number = (name: string): number => Number(configs.topic(own, name))
  const keyId = configs.topic(own, keyIdConfig)
  return {
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    messageBytesMax: number('max.message.bytes'),
    timestampType: configs.topic(own, 'message.timestamp.type') === 'LogAppendTime' ? 'append' : 'create',
    timestampBeforeMaxMs: boundOf(number('message.timestamp.before.max.ms')),
    timestampAfterMaxMs: boundOf(number('message.timestamp.after.max.ms')),
    compact: false,
    compressionType: 'producer',
    ...keyId !== '' && { keyId },
  }
}

/** Kafka's way to say "none" is the largest long there is; a bound that is there would have every batch opened. */
function boundOf(ms: number): number {
  return ms >= 2 ** 63 ? Infinity : ms
}
