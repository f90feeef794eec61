import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const command = join(import.meta.dirname, '..', '..', 'src', 'cli', 'sluice.ts')
let directory: string

beforeAll(() => { directory = join(mkdtempSync(join(tmpdir(), 'sluice-certs-')), 'local') })
afterAll(() => rmSync(join(directory, '..'), { recursive: true, force: true }))

/** `sluice certs …`: exit code, standard output, and what was said beside it. */
function certs(...words: string[]): Promise<{ code: number; out: string; said: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [command, 'certs', ...words, '--certs-dir', directory], { cwd: tmpdir() }, (error, out, said) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, said })
    })
  })
}

describe('sluice certs', () => {
  it('makes a CA, issues, shows, lists and withdraws', async () => {
    const init = await certs('init', '--host', 'edge.example')
    expect(init.code).toBe(0)
    expect(init.said).toContain('making a private CA')
    expect(init.said).toContain('edge.example')
    expect(init.out).toMatch(/^CA fingerprint \(SHA-256\) {2}([0-9A-F]{2}:){31}[0-9A-F]{2}\n$/)

    writeFileSync(join(directory, '..', 'passphrase'), 'open sesame\n')
    const issued = await certs('issue', 'alice', '--days', '7', '--passphrase-file', join(directory, '..', 'passphrase'))
    expect(issued.out.trim().split('\n')).toEqual(['alice.pem', 'alice.key', 'client-alice.properties', 'alice.p12'].map(name => join(directory, name)))
    expect(issued.said).toContain('its principal is User:CN=alice')

    const shown = await certs('show', 'alice')
    expect(shown.out).toMatch(/^principal +User:CN=alice$/m)
    expect(shown.out).toMatch(/^names +URI:spiffe:\/\/sluice\.local\/client\/alice$/m)

    expect((await certs('revoke', 'alice')).out).toMatch(/^alice \(serial number [0-9A-F]{32}\) is withdrawn since /)
    const rows = (await certs('list')).out.trim().split('\n').map(row => row.split(/ {2,}/).slice(0, 3).join(' '))
    expect(rows).toEqual(['NAME KIND STATE', 'ca ca valid', 'intermediate ca valid', 'admin client valid', 'alice client revoked', 'server server valid'])
  })

  it('puts no key on the screen', async () => {
    const { out, said } = await certs('issue', 'bob', '--out', join(directory, '..', 'bob'))
    expect(out + said).not.toContain('PRIVATE')
    expect(readFileSync(join(directory, '..', 'bob', 'bob.key'), 'utf8')).toContain('PRIVATE KEY')
  })

  it('ends with one line and code 1 for what it cannot do', async () => {
    for (const [words, line] of [
      [['issue', '../x'], 'sluice: "../x" cannot name a certificate'],
      [['issue', 'x', '--days', '0'], 'sluice: --days 0: a certificate lives 1 to 398 days'],
      [['issue', 'x', '--days', 'soon'], 'error: option \'--days <n>\' argument \'soon\' is invalid. It must be a whole number.'],
      [['issue', 'x', '--passphrase-file', '/none'], 'sluice: --passphrase-file: ENOENT'],
      [['show', 'nobody'], 'sluice: there is no certificate nobody.pem'],
      [['revoke', 'nobody'], 'sluice: there is no certificate'],
    ] as const) {
      const { code, out, said } = await certs(...words)
      expect([code, out]).toEqual([1, ''])
      expect(said).toContain(line)
      expect(said.trim().split('\n')).toHaveLength(1)
    }
  })
})
