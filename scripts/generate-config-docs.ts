/**
 * Writes docs/configuration.md and docs/muster.schema.json from the schema of muster.yaml.
 * Run: `npx tsx scripts/generate-config-docs.ts`
 */
import { writeFile } from 'node:fs/promises'
import { configReference, configSchemaFile } from '../config/reference.ts'

const docs = new URL('../docs/', import.meta.url)

await writeFile(new URL('configuration.md', docs), configReference())
await writeFile(new URL('muster.schema.json', docs), configSchemaFile())
