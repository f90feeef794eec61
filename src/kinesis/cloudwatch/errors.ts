// Errors as CloudWatch words them: the shape's name, which JSON and CBOR carry, and the code that the Query protocol has always had.

const errors = {
  AccessDenied: { code: 'AccessDenied', status: 403 },
  ExpiredToken: { code: 'ExpiredToken', status: 403 },
  IncompleteSignature: { code: 'IncompleteSignature', status: 400 },
  InternalServiceFault: { code: 'InternalServiceError', status: 500 },
  InvalidAction: { code: 'InvalidAction', status: 400 },
  InvalidClientTokenId: { code: 'InvalidClientTokenId', status: 403 },
  InvalidNextToken: { code: 'InvalidNextToken', status: 400 },
  InvalidParameterCombinationException: { code: 'InvalidParameterCombination', status: 400 },
  InvalidParameterValueException: { code: 'InvalidParameterValue', status: 400 },
  MalformedInput: { code: 'MalformedInput', status: 400 },
  MissingAuthenticationToken: { code: 'MissingAuthenticationToken', status: 403 },
  MissingRequiredParameterException: { code: 'MissingParameter', status: 400 },
  SignatureDoesNotMatch: { code: 'SignatureDoesNotMatch', status: 403 },
} as const

export type CloudWatchErrorType = keyof typeof errors

export class CloudWatchError {
  readonly type: CloudWatchErrorType
  readonly message: string

  constructor(type: CloudWatchErrorType, message: string) {
    this.type = type
    this.message = message
  }

  get code(): string {
    return errors[this.type].code
  }

  get status(): number {
    return errors[this.type].status
  }
}

export function wrongValue(message: string): CloudWatchError {
  return new CloudWatchError('InvalidParameterValueException', message)
}
