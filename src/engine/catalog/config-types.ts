// What a config is: its name, type and default, what values it takes, and Kafka's words for those it does not.

export type ConfigType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'

export interface ConfigDefinition {
  readonly name: string
  readonly type: ConfigType
  readonly default: string
  readonly documentation: string
  /** Undefined where the value is good, else why it is not. `value` is of the right type already. */
  readonly check?: (value: string) => string | undefined
}

const int32Max = 2n ** 31n - 1n
const int64Max = 2n ** 63n - 1n

/** Undefined where `value` may stand for the config, else the sentence that Kafka's ConfigException has for it. */
export function faultOf(definition: ConfigDefinition, value: string): string | undefined {
  const reason = typeFault(definition.type, value) ?? definition.check?.(value)
  return reason === undefined ? undefined : `Invalid value ${value} for configuration ${definition.name}: ${reason}`
}

/** The values of a list, without the blanks around them. */
export function listOf(value: string): string[] {
  return value.split(',').map(item => item.trim()).filter(item => item !== '')
}

export function atLeast(minimum: number): (value: string) => string | undefined {
  return value => (BigInt(value) < BigInt(minimum) ? `Value must be at least ${minimum}` : undefined)
}

export function oneOf(...choices: readonly string[]): (value: string) => string | undefined {
  return value => (choices.includes(value) ? undefined : `String must be one of: ${choices.join(', ')}`)
}

export function eachOneOf(...choices: readonly string[]): (value: string) => string | undefined {
  const one = oneOf(...choices)
  return value => (listOf(value).length === 0 ? `Configuration may not be empty; ${one('')}` : listOf(value).map(one).find(fault => fault !== undefined))
}

function typeFault(type: ConfigType, value: string): string | undefined {
  switch (type) {
    case 'boolean': return value === 'true' || value === 'false' ? undefined : 'Expected value to be either true or false'
    case 'int': return isWhole(value, int32Max) ? undefined : 'Not a number of type INT'
    case 'long': return isWhole(value, int64Max) ? undefined : 'Not a number of type LONG'
    case 'double': return value.trim() !== '' && Number.isFinite(Number(value)) ? undefined : 'Not a number of type DOUBLE'
    case 'string': case 'list': return undefined
  }
}

function isWhole(value: string, max: bigint): boolean {
  if (!/^[+-]?\d{1,19}$/.test(value)) return false
  const number = BigInt(value.replace('+', ''))
  return number <= max && number >= -max - 1n
}
