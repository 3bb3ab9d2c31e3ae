/** The JSON Schema of muster.yaml, made from the schema itself, and a way to find one's place in it. */
import { z } from 'zod'
import type { YamlPath } from './problems.ts'
import { configSchema } from './schema.ts'

/** As much of JSON Schema as the schema of muster.yaml uses. */
export interface JsonSchema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly examples?: readonly unknown[]
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: JsonSchema | false
  readonly items?: JsonSchema
  readonly oneOf?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
}

let made: JsonSchema | undefined

/** What editors use to complete and check muster.yaml. */
export function configJsonSchema(): JsonSchema {
  made ??= z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema
  return made
}

/** The schema of what lies at a path, or null; `raw` tells alternatives apart. */
export function schemaAt(path: YamlPath, raw: unknown): JsonSchema | null {
  let schema: JsonSchema | undefined = configJsonSchema()
  let value = raw
  for (const step of path) {
    schema = chosen(schema, value)
    if (!schema) return null
    if (typeof step === 'number') schema = schema.items
    else schema = ownMember(schema.properties, step) ?? (schema.additionalProperties || undefined)
    value = typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[step] : undefined
  }
  return chosen(schema, value) ?? null
}

/** Of alternatives, the one whose fixed member (`type`, `control`) the value has; of lists and texts, the list. */
function chosen(schema: JsonSchema | undefined, value: unknown): JsonSchema | undefined {
  if (schema?.oneOf) {
    const member = value as Record<string, unknown> | null | undefined
    const match = schema.oneOf.find((one) =>
      Object.entries(one.properties ?? {}).some(([key, part]) => part.const !== undefined && member?.[key] === part.const),
    )
    return match ?? schema
  }
  if (schema?.anyOf && Array.isArray(value)) return schema.anyOf.find((one) => one.type === 'array') ?? schema
  return schema
}

function ownMember<T>(members: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return members && Object.hasOwn(members, key) ? members[key] : undefined
}
