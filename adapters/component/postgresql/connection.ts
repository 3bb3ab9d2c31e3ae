import { join } from 'node:path'
import type pg from 'pg'
import type { PostgresqlInstance } from './instance.ts'
import { nameOf, osUserOf, prepareRunDirectory } from './instance.ts'
import { connectionFailure, queryFailure } from './database-failures.ts'
import { openClient } from './open-client.ts'
import { replaceFile } from './owned-files.ts'

export interface ConnectionTarget {
  readonly database?: string
  /** A private socket instead of the configured address. */
  readonly socketDirectory?: string
  readonly port?: number
  readonly user?: string
  /** Default 10. */
  readonly connectTimeoutSeconds?: number
}

/**
 * Runs `fn` on a connection of its own and closes it. Results are ISO-8601 in UTC, whatever the server's settings.
 * @throws MusterError DatabaseDown, NotReadyYet, CredentialsRejected, Unreachable, PreconditionFailed, Timeout,
 * CommandFailed for other SQL errors; what `fn` throws otherwise
 */
export async function withConnection<T>(instance: PostgresqlInstance, fn: (client: pg.Client) => Promise<T>, target: ConnectionTarget = {}): Promise<T> {
  const address = addressOf(instance, target)
  const where = `${nameOf(instance)} at ${address.host} port ${address.port}`
  const client = await openClient(instance, {
    host: address.host,
    port: address.port,
    user: address.user,
    database: address.database,
    ...(instance.password === null ? {} : { password: instance.password }),
    application_name: 'muster',
    connectionTimeoutMillis: (target.connectTimeoutSeconds ?? 10) * 1000,
    keepAlive: true,
  }).catch((error: unknown) => {
    throw connectionFailure(error, where, address)
  })
  try {
    await client.query("set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'iso_8601'")
    return await fn(client)
  } catch (error) {
    throw queryFailure(error, where)
  } finally {
    await client.end().catch(() => {})
  }
}

export interface Address {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

function addressOf(instance: PostgresqlInstance, target: ConnectionTarget): Address {
  const { connection } = instance.config
  return {
    host: target.socketDirectory ?? connection.host,
    port: target.port ?? connection.port,
    user: target.user ?? connection.user,
    database: target.database ?? connection.database,
  }
}

export interface ToolConnection {
  /** For `pg_basebackup`, `pg_receivewal` and other programs that take `--dbname`. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * What PostgreSQL's client programs need to connect. The password is only in a 0600 file of the tools' user, which
 * is written again on each call and stays for programs that reconnect. A dead network is noticed within a minute.
 * @throws MusterError PreconditionFailed when the tools' user cannot reach the scratch directory
 */
export async function connectionArguments(
  instance: PostgresqlInstance,
  target: ConnectionTarget & { readonly applicationName?: string } = {},
): Promise<ToolConnection> {
  const address = addressOf(instance, target)
  const parts = {
    host: address.host,
    port: String(address.port),
    user: address.user,
    dbname: address.database,
    application_name: target.applicationName ?? 'muster',
    connect_timeout: String(target.connectTimeoutSeconds ?? 10),
    keepalives: '1',
    keepalives_idle: '10',
    keepalives_interval: '5',
    keepalives_count: '3',
    tcp_user_timeout: '30000',
  }
  const text = Object.entries(parts)
    .map(([key, value]) => `${key}='${value.replace(/['\\]/g, '\\$&')}'`)
    .join(' ')
  const args = ['--dbname', text, '--no-password']
  if (instance.password === null) return { args, env: {} }
  const file = join(await prepareRunDirectory(instance), `${instance.system}.${instance.component}.pgpass`)
  const secret = instance.password.replace(/[:\\]/g, '\\$&')
  await replaceFile(file, `*:*:*:*:${secret}\n`, await osUserOf(instance))
  return { args, env: { PGPASSFILE: file } }
}
