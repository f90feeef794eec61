// What `sluice start` prints once it is ready: what listens where, where things lie, and lines to copy.
import { relative } from 'node:path'
import { devAccessKey, type Sluice } from '../main.ts'

/** The lines, for a terminal. `startedInMs` is the time from the process's start to ready. */
export function welcome(sluice: Sluice, startedInMs: number): string {
  const toCopy = sluice.dev ? openLines(sluice) : secureLines(sluice)
  return [`Sluice is ready in ${Math.round(startedInMs)} ms`, '', ...listeners(sluice), '', ...places(sluice), '', 'Try it:', ...toCopy, ''].join('\n')
}

function listeners({ dev, host, ports, brokers }: Sluice): string[] {
  const name = shownHost(host)
  const ids = brokers.map(({ id, rack }) => (rack === null ? String(id) : `${id} ${rack}`)).join(', ')
  const kafka = (listener: Listener, sentence: string): string => {
    const shown = addresses({ host, brokers }, listener).map((address, at) => (at === 0 ? address : address.slice(name.length)))
    return `  Kafka       ${shown.join(', ')}  ${sentence}  (broker${brokers.length === 1 ? '' : 's'} ${ids})`
  }
  return [
    ...(dev ? [kafka('kafkaPlaintext', 'plaintext, everything allowed')] : []),
    kafka('kafkaTls', 'mutual TLS'),
    `  Kinesis     https://${name}:${ports.kinesis}  signed requests${dev ? `; also http://${name}:${ports.kinesis}` : ''}`,
    `  Gateway     ${dev ? 'http' : 'https'}://${name}:${ports.gateway}  REST, schema registry, bridge, administration`,
    `  Management  http://127.0.0.1:${ports.management}  /livez /readyz /metrics`,
  ]
}

type Listener = 'kafkaPlaintext' | 'kafkaTls'

/** Where the brokers listen that could be started. */
function addresses({ host, brokers }: Pick<Sluice, 'host' | 'brokers'>, listener: Listener): string[] {
  return brokers.flatMap(broker => (broker[listener] === undefined ? [] : [`${shownHost(host)}:${broker[listener]}`]))
}

function places({ dataDirectory, certificatesDirectory, caFingerprint, kekFile }: Sluice): string[] {
  return [
    `  data          ${shown(dataDirectory)} (encrypted; ${kekFile === undefined ? 'key from the passphrase' : `key-encryption key ${shown(kekFile)}`})`,
    `  certificates  ${shown(certificatesDirectory)}`,
    `  CA            SHA-256 ${caFingerprint}`,
  ]
}

function openLines({ host, ports, brokers }: Sluice): string[] {
  const name = shownHost(host)
  const all = addresses({ host, brokers }, 'kafkaPlaintext')
  const kafka = all.join(',')
  return [
    `  echo 'k1:{"a":1}' | kcat -b ${kafka} -P -t hello -K:`,
    `  kcat -b ${kafka} -C -t hello -e`,
    `  new Kafka({ brokers: ${quoted(all)} })   # kafkajs`,
    `  AWS_ACCESS_KEY_ID=${devAccessKey.id} AWS_SECRET_ACCESS_KEY=${devAccessKey.secret} aws --region us-east-1 --endpoint-url http://${name}:${ports.kinesis} kinesis list-streams`,
    `  curl -H 'content-type: application/vnd.kafka.json.v2+json' -d '{"records":[{"value":{"a":1}}]}' http://${name}:${ports.gateway}/topics/hello`,
    '  npm run compare',
  ]
}

function secureLines({ host, ports, brokers, certificatesDirectory, accessKey }: Sluice): string[] {
  const name = shownHost(host)
  const dir = shown(certificatesDirectory)
  const all = addresses({ host, brokers }, 'kafkaTls')
  const kafka = all.join(',')
  const tls = `-X security.protocol=ssl -X ssl.ca.location=${dir}/ca.pem -X ssl.certificate.location=${dir}/admin.pem -X ssl.key.location=${dir}/admin.key`
  const curl = `curl --cacert ${dir}/ca.pem --cert ${dir}/admin.pem --key ${dir}/admin.key`
  return [
    `  ${curl} -H 'content-type: application/json' -d '{"name":"hello"}' https://${name}:${ports.gateway}/admin/topics`,
    `  echo 'k1:{"a":1}' | kcat -b ${kafka} ${tls} -P -t hello -K:`,
    `  kcat -b ${kafka} ${tls} -C -t hello -e`,
    `  new Kafka({ brokers: ${quoted(all)}, ssl: { ca: [read('${dir}/ca.pem')], cert: read('${dir}/admin.pem'), key: read('${dir}/admin.key') } })  # kafkajs`,
    accessKey === undefined
      ? `  # the access key in ${dir}/admin.aws was deleted; npx sluice access-keys create makes another one`
      : `  AWS_SHARED_CREDENTIALS_FILE=${dir}/admin.aws aws --region us-east-1 --ca-bundle ${dir}/ca.pem --endpoint-url https://${name}:${ports.kinesis} kinesis list-streams   # ${accessKey.id}`,
    '  npm run compare',
  ]
}

/** A list as JavaScript has it. */
function quoted(list: readonly string[]): string {
  return `[${list.map(one => `'${one}'`).join(', ')}]`
}

function shownHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
}

/** A path from here where that is shorter. */
function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near.length > 0 && near.length < path.length ? near : path
}
