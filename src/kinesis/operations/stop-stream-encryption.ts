// StopStreamEncryption. From its answer on records are put without a KMS key (and sealed on disk all the same); those that were put under one stay so, and are read with
// it. The KeyId is not looked up: a stream whose key is gone must be able to go on without it.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { encryptionType, judgeEncryptionType, keyIdMember, setKey } from '../encryption.ts'
import { AwsError } from '../errors.ts'
import { activeStream, changeActive } from '../lifecycle.ts'
import { namedStream, oneStream, streamArn, streamId, streamName } from '../streams.ts'

export const StopStreamEncryption = operation({
  name: 'StopStreamEncryption',
  input: { StreamName: streamName, EncryptionType: encryptionType.required, KeyId: keyIdMember.required, StreamARN: streamArn, StreamId: streamId },
  check: oneStream,
})

export const stopStreamEncryption = serve(
  StopStreamEncryption,
  { action: 'kinesis:StopStreamEncryption', access: { kind: 'needs', operation: 'alter-configs', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof StopStreamEncryption>, context: Context): Promise<null | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const wrong = judgeEncryptionType(input.EncryptionType)
  if (wrong !== null) return wrong
  const refused = await changeActive(topic, context, () => ({ encryption: undefined }))
  return refused ?? setKey(topic, '', context)
}
