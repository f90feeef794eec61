// IP addresses as numbers, and ranges of them as `10.0.0.0/8` or `2001:db8::/32`.

export interface IpAddress {
  /** 32 or 128. */
  readonly bits: number
  readonly value: bigint
}

/** Undefined for what is no address in its usual text form; a zone (`%eth0`) is none either. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const four = parseFour(text)
  if (four !== undefined) return { bits: 32, value: four }
  const six = parseSix(text)
  return six === undefined ? undefined : { bits: 128, value: six }
}

/** Whether an address lies in the range; undefined where the text is none. A single address is the range of itself. */
export function parseIpRange(text: string): ((address: IpAddress) => boolean) | undefined {
  const [start, length, ...more] = text.split('/') as [string, ...string[]]
  const first = parseIpAddress(start)
  if (first === undefined || more.length > 0) return undefined
  const prefix = length === undefined ? first.bits : /^\d{1,3}$/.test(length) ? Number(length) : NaN
  if (!(prefix <= first.bits)) return undefined
  const rest = BigInt(first.bits - prefix)
  return address => address.bits === first.bits && address.value >> rest === first.value >> rest
}

function parseFour(text: string): bigint | undefined {
  const parts = text.split('.')
  // A leading zero is octal to some readers and decimal to others.
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined
  return parts.reduce((value, part) => value << 8n | BigInt(part), 0n)
}

function parseSix(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, at) => (half === '' ? [] : groupsOf(half, at === halves.length - 1)))
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const gap = 8 - head.length - (tail?.length ?? 0)
  // `::` stands for at least one group, and without it all eight are there.
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined
  return [...head, ...Array.from({ length: gap }, () => 0), ...tail ?? []].reduce((value, group) => value << 16n | BigInt(group), 0n)
}

/** The 16-bit groups between single colons; the last two of an address may be written as an IPv4 address. */
function groupsOf(half: string, isEnd: boolean): number[] | undefined {
  const groups: number[] = []
  const parts = half.split(':')
  for (const [at, part] of parts.entries()) {
    const four = isEnd && at === parts.length - 1 ? parseFour(part) : undefined
    if (four !== undefined) groups.push(Number(four >> 16n), Number(four & 0xffffn))
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(parseInt(part, 16))
    else return undefined
  }
  return groups
}
