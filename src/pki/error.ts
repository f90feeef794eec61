// What is wrong with the certificates in place, in one line for the operator that names the file and says what to do.
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
}
