// PKCS#12 key stores, for clients that cannot read PEM: the key, its chain and the CA, under a passphrase (AES-256, PBKDF2).

/** `pair.certificate` is the leaf followed by its intermediate. */
export async function keyStore(
  name: string, pair: { readonly certificate: string; readonly key: string }, root: string, passphrase: string,
): Promise<Buffer> {
  const { default: forge } = await import('node-forge')
  const chain = `${pair.certificate}${root}`.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []
  const store = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(pair.key), chain.map(pem => forge.pki.certificateFromPem(pem)), passphrase,
    { algorithm: 'aes256', friendlyName: name, count: iterations, saltSize: 16 },
  )
  return Buffer.from(forge.asn1.toDer(store).getBytes(), 'latin1')
}

/** PBKDF2 runs in JavaScript here: about as many as take a tenth of a second. */
const iterations = 10_000
