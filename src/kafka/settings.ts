// What of the Kafka facade can be set, with the defaults of Apache Kafka where it has the setting.

export interface KafkaSettings {
  /** auto.create.topics.enable: asking for a topic's metadata creates it. */
  readonly autoCreateTopics: boolean
  /** socket.request.max.bytes. */
  readonly requestBytesMax: number
  /** Array elements in one request. */
  readonly requestElementsMax: number
  /** Bytes of unfinished and unanswered requests, over all connections. */
  readonly requestsInFlightBytesMax: number
  /** Most record bytes of one Fetch answer; a client may ask for less. */
  readonly fetchBytesMax: number
  /** Bytes of records in answers not yet sent, over all connections. */
  readonly answersInFlightBytesMax: number
  /** connections.max.idle.ms. */
  readonly idleMs: number
  /** A connection that has not sent its first request by then is closed. */
  readonly firstRequestMs: number
  /** A request that has not arrived whole by then is closed upon. */
  readonly requestArrivalMs: number
  /** A peer that reads nothing of its answer for so long is closed upon. */
  readonly stalledReaderMs: number
  readonly connectionsMax: number
  readonly connectionsPerIpMax: number
  /** What answers may wait unsent in one socket before no more is written to it. */
  readonly unsentBytesMax: number
}

export const defaultSettings: KafkaSettings = {
  autoCreateTopics: false,
  requestBytesMax: 104_857_600,
  requestElementsMax: 100_000,
  requestsInFlightBytesMax: 256 * 1024 * 1024,
  fetchBytesMax: 57_671_680,
  answersInFlightBytesMax: 192 * 1024 * 1024,
  idleMs: 600_000,
  firstRequestMs: 10_000,
  requestArrivalMs: 60_000,
  stalledReaderMs: 60_000,
  connectionsMax: 10_000,
  connectionsPerIpMax: 1_000,
  unsentBytesMax: 1024 * 1024,
}
