// Sizes as people write and read them: 10GiB, 1.5 MiB. Units are powers of 1024 and say so; the decimal ones are refused, because half the world means the others.
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** Whole bytes of `10GiB`, `1.5 MiB` or a plain number. Throws an Error of one line that names the text and where it came from. */
export function parseSize(text: string, option: string): number {
  const [, number, unit = ''] = /^(\d{1,16}(?:\.\d{1,6})?)\s*([a-z]*)$/i.exec(text.trim()) ?? []
  const power = unit === '' ? 0 : units.findIndex(one => one.toLowerCase() === unit.toLowerCase())
  const bytes = Math.round(Number(number) * 1024 ** power)
  if (number === undefined || power < 0) throw new Error(`${option}: '${text}' is not a size; write it as 10GiB, with one of ${units.join(', ')}`)
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new Error(`${option}: '${text}' is not a size from 1 byte to ${formatSize(Number.MAX_SAFE_INTEGER)}`)
  return bytes
}

/** `10 GiB`, `1.5 MiB`, `17 B`: at most two decimals, rounded. */
export function formatSize(bytes: number): string {
  let power = 0
  while (power < units.length - 1 && Math.round((bytes / 1024 ** power) * 100) / 100 >= 1024) power++
  return `${Math.round((bytes / 1024 ** power) * 100) / 100} ${units[power]}`
}
