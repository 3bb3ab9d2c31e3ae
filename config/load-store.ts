/** One store, declared as under `stores` of muster.yaml, for a machine that has no configuration yet. */
import type { StoreConfig } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { explainIssues } from './explain-issues.ts'
import { normaliseStores } from './normalise-stores.ts'
import { configError, type Problem } from './problems.ts'
import { storesSchema } from './schema-stores.ts'
import { readYaml } from './yaml-source.ts'

const here = 'here'

/**
 * The text is what stands below the store's name in muster.yaml. Who reaches it and where it stands need not be said.
 * @throws MusterError ConfigInvalid listing every problem as `file:line:column what`
 */
export function parseStore(text: string, fileName: string): StoreConfig {
  const { raw, locate } = readYaml(text.replace(/^\uFEFF/, ''), fileName)
  const inside = (problem: Problem): Problem => ({ ...problem, path: problem.path.slice(1) })
  const shape = storesSchema.safeParse({ [here]: raw })
  if (!shape.success) throw configError(fileName, explainIssues(shape.error.issues, { [here]: raw }).map(inside), locate)
  const { hosts: _hosts, site: _site, ...written } = shape.data[here] ?? {}
  const problems: Problem[] = []
  const stores = normaliseStores({ [here]: written } as typeof shape.data, { [here]: { hosts: [here] } }, [here], (path, message, at = 'value') =>
    problems.push(inside({ path, message, at, type: 'ConfigInvalid' })),
  )
  if (problems.length > 0) throw configError(fileName, problems, locate)
  const store = stores[here]
  if (!store) throw new MusterError('MusterBug', `${fileName} was read and gives no store`)
  return store
}
