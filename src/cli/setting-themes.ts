// Under which heading `sluice start --help` shows a setting. The first pattern that fits decides; a setting that fits none stands under the first heading.
const general = 'General'

const themes: readonly (readonly [RegExp, string])[] = [
  [/^(dev|log\.level)$/, general],
  [/(^|\.)(host|port|port\.offset)$|^connections\./, 'Addresses and ports'],
  [/^(certs\.|super\.users|ssl\.|token\.)/, 'Certificates and rights'],
  [/^(data\.|kek\.|cache\.|storage\.)/, 'Storage and keys'],
  [/^(brokers?\b|controller\.|replica\.|leader\.|auto\.leader|unclean\.|default\.replication|min\.insync|metadata\.)/, 'Brokers and replication'],
  [/^(auto\.create|num\.partitions|message\.|log\.)/, 'Topics and records'],
  [/^(group\.|offsets\.)/, 'Consumer groups'],
  [/^kinesis\./, 'Kinesis'],
  [/^(rest|rate)\./, 'REST'],
]

export function themeOf(setting: string): string {
  return themes.find(([pattern]) => pattern.test(setting))?.[1] ?? general
}
