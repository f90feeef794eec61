// Modes: what may be written to a subject, a context or the whole registry.

/**
 * READONLY_OVERRIDE, set on the whole registry, is above the modes of contexts and subjects. IMPORT takes schemas with the ids and versions that their client
 * says and refuses others; FORWARD, of the whole registry only, does so too.
 */
export const modes = ['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT', 'FORWARD'] as const
export type Mode = (typeof modes)[number]

/** In any case. */
export function modeNamed(text: string): Mode | undefined {
  const name = text.toUpperCase()
  return modes.find(mode => mode === name)
}

export function isReadOnly(mode: Mode): boolean {
  return mode === 'READONLY' || mode === 'READONLY_OVERRIDE'
}

/** Whether schemas come with ids of their own and are taken unchecked. */
export function takesIds(mode: Mode): boolean {
  return mode === 'IMPORT' || mode === 'FORWARD'
}
