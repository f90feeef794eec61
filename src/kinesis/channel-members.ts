// The members that requests and answers about channels carry, as AWS's model has them.
import { flag, integer, list, oneOf, structure, text, timestamp } from '../wire/operation.ts'
import { channelArn, namePattern, streamArn } from './arns.ts'
import { keyIdMember } from './encryption.ts'

export { channelArn } from './arns.ts'

export const channelName = text().pattern(namePattern).minLength(1).maxLength(128)
export const roleArn = text().pattern('arn:aws[-a-z0-9]*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+').minLength(1).maxLength(512)

const bucketArn = text().pattern('arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}').minLength(1).maxLength(2048)
const bucketOwner = text().pattern('\\d{12}').minLength(12).maxLength(12)

export const recordConfiguration = structure({
  RecordFormatType: oneOf('GSR_JSON', 'JSON', 'STRING', 'BYTE_ARRAY').required,
  GSRSchemaARN: text().pattern('arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+').minLength(1).maxLength(512),
})
export const streamConfigurations = list(structure({ StreamARN: streamArn.required, RecordConfiguration: recordConfiguration.required })).minLength(1).maxLength(10_000)

export const deadLetterQueue = structure({
  BucketARN: bucketArn.required,
  ExpectedBucketOwner: bucketOwner.required,
  ErrorOutputPrefix: text().pattern('[0-9A-Za-z!\\-_\'.*()\\/]+').minLength(1).maxLength(512),
})
export const s3Storage = structure({
  BucketARN: bucketArn.required,
  ExpectedBucketOwner: bucketOwner.required,
  OutputKeyTemplate: text().pattern('[0-9A-Za-z!\\-_\'.*()\\/=:{}]+').minLength(1).maxLength(1024),
  StorageClass: oneOf('STANDARD', 'INTELLIGENT_TIERING', 'GLACIER_IR'),
  CompressionType: oneOf('NONE', 'GZIP', 'ZSTD').required,
})
export const s3Destination = structure({ DataFreshnessInSeconds: integer(), DeadLetterQueueS3Configuration: deadLetterQueue, StorageConfiguration: s3Storage.required })

const noTables = 'there are no tables here; deliver to a general purpose bucket with S3DestinationConfiguration'
const s3Table = structure({
  TableBucketARN: text().pattern('arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\\d{12}:bucket/[a-z0-9_-]{3,63}').minLength(1).maxLength(2048).required,
  Namespace: text().pattern('[0-9a-z_]+').minLength(1).maxLength(255).required,
  TableName: text().pattern('[0-9a-z_]+').minLength(1).maxLength(255).required,
  CompressionType: oneOf('NONE', 'ZSTD', 'SNAPPY').required,
  PartitionSpec: structure({
    PartitionFields: list(structure({
      Transform: oneOf('TIME_HOUR').required,
      SourceName: text().pattern('[a-zA-Z0-9\\.\\_]+').minLength(1).maxLength(255).required,
    })).minLength(1).maxLength(10).required,
  }),
})
const s3Tables = list(s3Table).minLength(1).maxLength(10_000)
export const s3TablesDestination = structure({
  DataFreshnessInSeconds: integer(), DeadLetterQueueS3Configuration: deadLetterQueue.required, S3TablesConfigurationList: s3Tables.required,
}).unsupported(noTables)
export const s3Update = structure({ DataFreshnessInSeconds: integer().required })
export const s3TablesUpdate = s3Update.unsupported(noTables)

const encryptionMembers = { EncryptionType: oneOf('KMS').required, KeyId: keyIdMember.required }
export const channelEncryption = structure(encryptionMembers).unsupported('what is delivered lies in plain files, for other programs to read')
const logSettings = {
  Enabled: flag().required,
  LogGroupName: text().pattern('[\\.\\-_/#A-Za-z0-9]+').minLength(1).maxLength(512),
  LogStreamName: text().pattern('[^:*]*').minLength(1).maxLength(512),
}
export const channelLogging = structure({ CloudWatchLogs: structure(logSettings).required })

// ------------------------------------------------------------------------------------------------------- answers

const statusMembers = {
  ChannelStatus: text().required,
  ChannelStatusReason: text(),
  ChannelCreationTimestamp: timestamp().required,
}
export const channelDescription = structure({
  ChannelName: text().required,
  ChannelARN: channelArn.required,
  ChannelId: text().required,
  ...statusMembers,
  ServiceExecutionRoleARN: text().required,
  StreamConfigurationList: list(structure({
    StreamARN: text().required, StreamCreationTimestamp: timestamp().required, RecordConfiguration: recordConfiguration.required,
  })).required,
  S3DestinationConfiguration: structure({
    DataFreshnessInSeconds: integer().required, DeadLetterQueueS3Configuration: deadLetterQueue.required, StorageConfiguration: s3Storage.required,
  }),
  S3TablesDestinationConfiguration: structure({
    DataFreshnessInSeconds: integer().required, DeadLetterQueueS3Configuration: deadLetterQueue.required, S3TablesConfigurationList: s3Tables.required,
  }),
  EncryptionConfiguration: structure(encryptionMembers),
  LoggingConfiguration: channelLogging.required,
})
export const channelSummary = structure({
  ChannelName: text().required,
  ChannelARN: text().required,
  ChannelId: text().required,
  ...statusMembers,
  ChannelDestinationType: text().required,
  Streams: list(structure({ StreamARN: text().required, StreamCreationTimestamp: timestamp().required })).required,
})
