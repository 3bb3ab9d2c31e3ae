import { isSecretField, mask, scrub } from './scrub.ts'

const deepest = 8

/**
 * A copy of a value that can be shown: fields whose name says that they hold a secret are masked, every
 * other text is scrubbed, errors become plain objects, and what lies too deep or in a circle is left out.
 */
export function redact(value: unknown): unknown {
  return copy(value, [])
}

function copy(value: unknown, above: readonly object[]): unknown {
  if (typeof value === 'string') return scrub(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (above.length >= deepest || above.includes(value)) return '[left out]'
  const inside = [...above, value]
  if (value instanceof Date) return value.toJSON()
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (Array.isArray(value)) return value.map((item) => copy(item, inside))
  const fields = Object.entries(value).map(([name, field]) => [name, isSecretField(name) && field !== null && field !== undefined ? mask : copy(field, inside)])
  return { ...(value instanceof Error ? errorFields(value, inside) : {}), ...Object.fromEntries(fields) }
}

function errorFields(error: Error, inside: readonly object[]): Record<string, unknown> {
  return {
    name: error.name,
    message: scrub(error.message),
    ...(error.stack === undefined ? {} : { stack: scrub(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: copy(error.cause, inside) }),
  }
}
