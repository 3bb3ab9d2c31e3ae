/** Search attributes are registered before anything polls: an unknown one would hang every run that writes it. */
import type { NativeConnection } from '@temporalio/worker'
import { MusterError } from '../domain/failures.ts'
import { searchAttributeTypes } from '../domain/search-attributes.ts'

/** Numbers of `IndexedValueType` in Temporal's protocol. */
const types = { KEYWORD: 2, BOOL: 5 } as const

/** Idempotent. @throws MusterError PreconditionFailed with the command to run where the right is missing */
export async function registerSearchAttributes(connection: Pick<NativeConnection, 'operatorService'>, namespace: string): Promise<void> {
  const wanted = Object.fromEntries(Object.entries(searchAttributeTypes).map(([name, type]) => [name, types[type]]))
  const listed = await connection.operatorService.listSearchAttributes({ namespace })
  const there = listed.customAttributes ?? {}
  const missing = Object.fromEntries(Object.entries(wanted).filter(([name]) => !(name in there)))
  const wrong = Object.entries(wanted).find(([name, type]) => name in there && there[name] !== type)
  if (wrong) throw new MusterError('PreconditionFailed', `the search attribute ${wrong[0]} has another type in namespace "${namespace}"`, { hint: command() })
  if (Object.keys(missing).length === 0) return
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: missing })
  } catch (error) {
    throw new MusterError('PreconditionFailed', `search attributes are missing in namespace "${namespace}": ${Object.keys(missing).join(', ')}`, {
      cause: error,
      hint: command(),
    })
  }
}

function command(): string {
  const all = Object.entries(searchAttributeTypes).map(([name, type]) => `--name ${name} --type ${type === 'BOOL' ? 'Bool' : 'Keyword'}`)
  return `run: ${all.map((one) => `temporal operator search-attribute create ${one}`).join(' && ')}`
}
