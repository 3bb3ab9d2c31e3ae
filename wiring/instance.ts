/** A PostgreSQL component as the adapters address it, from its configuration. */
import { join } from 'node:path'
import { componentOf } from '../activities/agent.ts'
import type { PostgresqlInstance } from '../adapters/component/postgresql/instance.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'

/**
 * @param directory of the host, below MUSTER_HOME
 * @throws MusterError InvalidInput | SecretMissing
 */
export async function instanceOf(config: Config, system: string, component: string, directory: string): Promise<PostgresqlInstance> {
  const found = componentOf(config, system, component)
  if (found.type !== 'postgresql') throw new MusterError('InvalidInput', `${system}/${component} is not a PostgreSQL component`)
  const { password } = found.connection
  return {
    system,
    component,
    config: found,
    password: password === undefined ? null : await createSecretResolver().resolve(password),
    runDirectory: join(directory, 'run', `${system}-${component}`),
  }
}
