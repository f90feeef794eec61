// `sluice certs`: the private CA from the command line. Works on the certificate directory alone; a server need not run, and one that runs
// takes what is withdrawn here within a second.
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { settings } from '../config.ts'
import { addHostnames, adminName, ensureCertificates, leafDays, localHostnames } from '../pki/certificates.ts'
import type { KnownCertificate } from '../pki/clients.ts'
import { issue, listCertificates } from '../pki/clients.ts'
import { CertificateError } from '../pki/error.ts'
import { revoke } from '../pki/revocation.ts'
import { nodeWorld } from '../world/node.ts'

const world = nodeWorld()

interface Where {
  readonly certsDir: string
}

export function certsCommand(): Command {
  const command = new Command('certs').description('make, list, show and withdraw certificates of the private CA')
  const subcommand = (usage: string, sentence: string): Command => command.command(usage).description(sentence)
    .option('--certs-dir <dir>', 'directory of the private CA and its certificates', process.env['SLUICE_CERTS_DIR'] ?? settings['certs.dir'].fallback)

  subcommand('init', 'make the CA, the server\'s certificate and the one for admin, where they are missing')
    .option('--host <names...>', 'further names the server is reached by, now and after each renewal')
    .action(init)
  subcommand('issue <name>', 'issue a certificate for a client, whose principal is User:CN=<name>')
    .option('--dns <names...>', 'issue a server\'s certificate for these DNS names and IP addresses instead')
    .option('--out <dir>', 'write it with ca.pem and client configs to this directory')
    .option('--days <n>', 'how long it is valid', wholeNumber, leafDays)
    .option('--passphrase-file <file>', 'also make <name>.p12, protected by the first line of this file')
    .option('--replace', 'issue again, with a new key, what exists under this name; the old certificate stays valid until it is withdrawn', false)
    .action(issueOne)
  subcommand('list', 'list the certificates').action(list)
  subcommand('show <name>', 'show one certificate').action(show)
  subcommand('revoke <name-or-serial-number>', 'withdraw a certificate: no listener accepts it any more, and connections made with it are ended')
    .option('--yes', 'also the administrator\'s')
    .addHelpText('after', '\nExample: sluice certs revoke alice')
    .action(revokeOne)
  return command
}

async function init(options: Where & { readonly host?: readonly string[] }): Promise<void> {
  if (options.host !== undefined) await addHostnames(world, options.certsDir, options.host)
  const hostnames = localHostnames(hostname())
  const certificates = await ensureCertificates({ world, directory: options.certsDir, hostnames, onProgress: line => console.error(line) })
  if (certificates.made.length === 0) console.log(`${options.certsDir} has all it needs`)
  console.log(`CA fingerprint (SHA-256)  ${certificates.fingerprint}`)
}

async function issueOne(name: string, options: Where & {
  readonly dns?: readonly string[]; readonly out?: string; readonly days: number; readonly passphraseFile?: string; readonly replace: boolean
}): Promise<void> {
  const written = await issue({
    world, directory: options.certsDir, name, days: options.days, replace: options.replace,
    hostnames: (options.dns ?? []).flatMap(names => names.split(',')),
    ...(options.out === undefined ? undefined : { out: options.out }),
    ...(options.passphraseFile === undefined ? undefined : { passphrase: readPassphrase(options.passphraseFile) }),
  })
  for (const path of written) console.log(path)
  if (options.dns === undefined) console.error(`its principal is User:CN=${name}; it may do nothing until an ACL allows it (sluice acls add --help)`)
}

async function list(options: Where): Promise<void> {
  const known = await listCertificates(world, options.certsDir)
  if (known.length === 0) return console.log(`there are no certificates in ${options.certsDir}`)
  const rows = known.map(({ name, kind, state, certificate }) => [name, kind, state, day(certificate.validToDate), certificate.serialNumber])
  printTable([['NAME', 'KIND', 'STATE', 'VALID TO', 'SERIAL NUMBER'], ...rows])
}

async function show(name: string, options: Where): Promise<void> {
  const known = (await listCertificates(world, options.certsDir)).find(one => one.name === name)
  if (known === undefined) throw new CertificateError(`there is no certificate ${name}.pem in ${options.certsDir}`)
  printTable(describe(known))
}

async function revokeOne(nameOrSerial: string, options: Where & { readonly yes?: boolean }): Promise<void> {
  if (options.yes !== true && await isAdministrators(nameOrSerial, options)) {
    throw new CertificateError('that is the administrator\'s certificate: every command and client that uses it is shut out until `sluice certs init` or the next start makes '
      + 'a new one; say --yes to withdraw it all the same')
  }
  const { name, serialNumber, revokedAt } = await revoke(world, options.certsDir, nameOrSerial)
  console.log(`${name || 'the certificate'} (serial number ${serialNumber}) is withdrawn since ${revokedAt}`)
  console.error('access keys for the Kinesis API go on without a certificate: see `sluice access-keys list`, and delete those of the same principal')
}

/** Whether it is the certificate that the administrative commands use, and still good: one withdrawn or replaced before takes nothing away. */
async function isAdministrators(nameOrSerial: string, { certsDir }: Where): Promise<boolean> {
  const known = await listCertificates(world, certsDir)
  const admin = known.find(one => one.name === adminName)
  return admin?.state === 'valid' && (nameOrSerial === adminName || nameOrSerial.toUpperCase() === admin.certificate.serialNumber)
}

function describe({ name, kind, state, certificate }: KnownCertificate): string[][] {
  return [
    ['name', name],
    ['kind', kind],
    ['state', state],
    ['subject', certificate.subject],
    ...(kind === 'client' ? [['principal', `User:${certificate.subject}`]] : []),
    ['issuer', certificate.issuer],
    ['names', certificate.subjectAltName ?? '-'],
    ['valid', `${certificate.validFromDate.toISOString()} to ${certificate.validToDate.toISOString()}`],
    ['serial number', certificate.serialNumber],
    ['fingerprint', certificate.fingerprint256],
  ]
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

function readPassphrase(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new CertificateError(`--passphrase-file: ${(error as Error).message}`, { cause: error })
  }
  const [line = ''] = text.split(/\r?\n/)
  if (line === '') throw new CertificateError(`--passphrase-file: the first line of ${path} is empty`)
  return line
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
