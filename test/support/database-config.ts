/** A test's cluster, as muster.yaml names it. */
import type { TestCluster } from './postgres-cluster.ts'

/**
 * What stands below the name of a component: type, directory, connection, programs and how often WAL is shipped.
 * Its first line has no indentation, the others that of a component of a system.
 */
export function databaseConfig({ directory, config }: TestCluster, shipEvery = '1s'): string {
  const { host, port, user, database } = config.connection
  return [
    'type: postgresql',
    `dataDirectory: ${directory}`,
    `connection: { host: ${host}, port: ${port}, user: ${user}, database: ${database} }`,
    ...(config.runAs === undefined ? [] : [`runAs: ${config.runAs}`]),
    `binDirectory: ${config.binDirectory}`,
    'checkpoint: fast',
    `wal: { shipEvery: ${shipEvery} }`,
  ].join('\n        ')
}
