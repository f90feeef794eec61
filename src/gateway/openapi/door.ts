// Tokens, AWS's APIs and this description itself, in the OpenAPI document.
import { anything, integer, object, ref, text } from './json-schema.ts'
import { type Family, json, ok, type Operation } from './operation.ts'

const kinesis: Operation = {
  summary: 'The Kinesis API, and CloudWatch for its metrics',
  description: 'AWS JSON 1.1 or CBOR with AWS signatures, for AWS\'s own SDKs: X-Amz-Target names the operation. CloudWatch: AWS JSON 1.0 or Query.',
  body: {
    'application/x-amz-json-1.1': anything, 'application/x-amz-cbor-1.1': anything, 'application/x-amz-json-1.0': anything, 'application/x-www-form-urlencoded': anything,
  },
  answers: ok('As AWS answers.', { '*/*': anything }), refusal: anything,
}

const cloudWatch: Operation = {
  summary: 'CloudWatch in Smithy RPC v2 CBOR', description: 'With AWS signatures, for AWS\'s own SDKs.',
  body: { 'application/cbor': anything }, answers: ok('As AWS answers.', { '*/*': anything }), refusal: anything,
}

const glue: Operation = {
  summary: 'The schema operations of AWS Glue', description: 'AWS JSON 1.1 with AWS signatures, for Glue\'s serializers; also at `/`, by the same X-Amz-Target.',
  body: { 'application/x-amz-json-1.1': anything }, answers: ok('As AWS answers.', { '*/*': anything }), refusal: anything,
}

export const doorFamily: Family = {
  tag: 'Doors',
  description: 'Everything but these asks for a client certificate, or for a bearer token that is bound to one. `--dev` asks for neither.',
  schemas: { OAuthError: object({ error: text, error_description: text }) },
  paths: {
    '/oauth2/token': {
      post: {
        summary: 'A token for the certificate of the connection', description: 'RFC 6749 §4.4, RFC 8705: form `grant_type=client_credentials`.',
        body: { 'application/x-www-form-urlencoded': object({ grant_type: { type: 'string', const: 'client_credentials' } }) },
        answers: ok('The token; it works only over connections with the same certificate.', json(object({ access_token: text, token_type: text, expires_in: integer }))),
        refusal: { anyOf: [ref('OAuthError'), ref('Problem')] },
      },
    },
    '/kinesis': { post: kinesis },
    '/kinesis/': { post: kinesis },
    '/kinesis/service/{service}/operation/{operation}': { post: cloudWatch },
    '/glue': { post: glue },
    '/glue/': { post: glue },
    '/openapi.json': { get: { summary: 'This description', answers: ok('An OpenAPI 3.1 document.', json({ type: 'object' })) } },
    '/docs': { get: { summary: 'This description as a page', answers: ok('HTML.', { 'text/html': text }) } },
  },
}
