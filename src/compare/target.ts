// Where a comparison plays: a Kafka and a Kinesis address with what it takes to get in. They may be one Sluice, or a real cluster and a real region.

export interface KafkaTarget {
  /** host:port of one or more brokers. */
  readonly bootstrap: readonly string[]
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string }
}

export interface KinesisTarget {
  /** Undefined: AWS itself, by the region. */
  readonly endpoint?: string
  readonly region: string
  /** Undefined: the AWS SDK's own chain of credentials. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** PEM of the CA that signed the endpoint's certificate. */
  readonly ca?: string
}
