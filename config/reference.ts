/** docs/configuration.md and docs/muster.schema.json, both made from the schema. */
import { flowText } from './flow-text.ts'
import type { JsonSchema } from './json-schema.ts'
import { configJsonSchema } from './json-schema.ts'
import { absentKeys, absentValues } from './not-in-this-version.ts'

export function configSchemaFile(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`
}

export function configReference(): string {
  const sections = section('', configJsonSchema())
  return `${[introduction, ...sections, absent()].join('\n\n')}\n`
}

const introduction = `# Configuration

One file, \`muster.yaml\`. An unknown key is an error with line, column and the nearest known key; nothing is ignored.
Durations are a whole number and \`s\`, \`m\`, \`h\`, \`d\` or \`w\`; sizes a whole number and \`kB\`, \`MB\`, \`GB\`, \`TB\` or
\`KiB\`, \`MiB\`, \`GiB\`, \`TiB\`. Names have lower-case letters, digits, \`-\` and \`_\`. Secrets are references, \`env:NAME\` or
\`file:/path\`, read only where they are needed. \`<name>\` stands for a name of yours.

This page is generated from the schema (\`npx tsx scripts/generate-config-docs.ts\`); editors can use
[muster.schema.json](muster.schema.json). [examples/minimal.yaml](../examples/minimal.yaml) is the least that works,
[examples/shop.yaml](../examples/shop.yaml) shows most of what there is.`

/** The table of one object, then the tables of the objects in it, in the order of the schema. */
function section(path: string, schema: JsonSchema, title = ''): readonly string[] {
  const rows = Object.entries(schema.properties ?? {}).map(([key, member]) => row(key, member, schema.required?.includes(key) ?? false))
  const inner = Object.entries(schema.properties ?? {}).flatMap(([key, member]) => nested(path === '' ? key : `${path}.${key}`, member))
  const heading = path === '' ? '## The file' : `## ${code(path)}${title === '' ? '' : ` (${title})`}`
  const table = ['| key | what | value | default | example |', '|---|---|---|---|---|', ...rows].join('\n')
  const about = schema.description && path !== '' ? `${schema.description}\n\n` : ''
  return [`${heading}\n\n${about}${table}`, ...inner]
}

function nested(path: string, schema: JsonSchema): readonly string[] {
  if (schema.properties) return section(path, schema)
  if (schema.oneOf) {
    return schema.oneOf.flatMap((one) => section(path, one, `${fixedMember(one)}: ${one.title}`))
  }
  if (schema.additionalProperties) return nested(`${path}.<name>`, schema.additionalProperties)
  if (schema.items && schema.items.type !== 'string') return nested(`${path}[]`, schema.items)
  return []
}

function fixedMember(schema: JsonSchema): string {
  return Object.entries(schema.properties ?? {}).find(([, member]) => member.const !== undefined)?.[0] ?? 'kind'
}

function row(key: string, schema: JsonSchema, required: boolean): string {
  const preset = schema.default
  const isGroup = typeof preset === 'object' && preset !== null && Object.keys(preset).length === 0
  const fallback = required ? '**required**' : preset === undefined || isGroup ? '' : code(flowText(preset))
  const examples = (schema.examples ?? []).map((value) => code(flowText(value))).join('<br>')
  return `| ${code(key)} | ${cell(schema.description ?? '')} | ${kind(schema)} | ${fallback} | ${examples} |`
}

function kind(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(JSON.stringify(schema.const).replaceAll('"', ''))
  if (schema.enum) return schema.enum.map((value) => code(String(value))).join(' ')
  if (schema.anyOf) {
    const kinds = schema.anyOf.map(kind)
    return kinds.includes('yes or no') ? 'yes or no' : kinds.join(' or ')
  }
  if (schema.oneOf) return `one of ${schema.oneOf.map((one) => one.title).join(', ')}`
  if (schema.type === 'array') return schema.items ? `list of ${plural(kind(schema.items))}` : 'list'
  if (schema.additionalProperties) return 'by name'
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    integer: 'whole number',
    number: 'number',
    boolean: 'yes or no',
    object: 'keys',
  }
  return names[schema.type ?? ''] ?? ''
}

function plural(kindText: string): string {
  return kindText === 'text' ? 'texts' : kindText.startsWith('list of') ? kindText.replace('list', 'lists') : kindText
}

function absent(): string {
  const keys = absentKeys.map((key) => `- ${code(named(key))}`)
  const values = absentValues.map(({ path, values: listed }) => {
    const what = typeof listed === 'function' ? 'above 1' : listed.map(String).join(', ')
    return `- ${code(`${named(path)}: ${what}`)}`
  })
  return `## Not in this version\n\nThese are refused with "not in this version" at their line, never ignored and never weakened.\n\n${[...keys, ...values].join('\n')}`
}

/** Backups are a list, everything else has names. */
function named(pattern: string): string {
  return pattern.replace('backups.*', 'backups[]').replaceAll('.*', '.<name>')
}

function code(text: string): string {
  return `\`${cell(text)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
