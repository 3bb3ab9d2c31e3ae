/** Load by PostgreSQL's own pgbench: TPC-B transactions from several clients, all the time. */
import { join } from 'node:path'
import { startTool } from '../adapters/process/run-tool.ts'
import { clusterUser, type TestCluster } from '../test/support/postgres-cluster.ts'

export interface LoadOptions {
  readonly clients: number
  /** Transactions a second; as many as there can be where 0. */
  readonly rate: number
}

export interface Load {
  /** Transactions so far, from the server's own statistics. */
  transactions(): Promise<number>
  /** @throws when pgbench ended by itself: figures of a load that was not there are none */
  stop(): Promise<void>
}

const database = 'load'

/** About 15 MB per scale. */
export async function fillForPgbench(cluster: TestCluster, scale: number): Promise<void> {
  await cluster.sql(`create database ${database}`)
  await cluster.run('pgbench', [...placeOf(cluster), '--initialize', '--quiet', `--scale=${scale}`, database])
  await cluster.sql('grant select on all tables in schema public to muster', database)
}

export async function startPgbench(cluster: TestCluster, { clients, rate }: LoadOptions): Promise<Load> {
  const day = 86_400
  const args = [...placeOf(cluster), `--client=${clients}`, '--jobs=1', '--no-vacuum', `--time=${day}`, ...(rate > 0 ? [`--rate=${rate}`] : []), database]
  const user = clusterUser === undefined ? {} : { runAs: clusterUser }
  const program = join(cluster.config.binDirectory ?? '', 'pgbench')
  const tool = startTool(program, args, { ...user, stdout: 'discard', stdin: '' })
  let stopping = false
  let failure: unknown = null
  tool.done.catch((error: unknown) => {
    if (!stopping) failure = error
  })
  return {
    async transactions() {
      const [row] = await cluster.sql<{ n: string }>(`select xact_commit as n from pg_stat_database where datname = '${database}'`)
      return Number(row?.n ?? 0)
    },
    async stop() {
      stopping = true
      await tool.end()
      if (failure instanceof Error) throw failure
    },
  }
}

function placeOf({ config }: TestCluster): readonly string[] {
  return [`--host=${config.connection.host}`, `--port=${config.connection.port}`, '--username=postgres']
}

/** The rows that pgbench changes, as one figure: the same before a backup and after its restore. */
export const pgbenchFingerprint = {
  database,
  sql: "select count(*) || ' accounts, balance ' || sum(abalance) || ', ' || (select count(*) from pgbench_history) || ' in history' as found from pgbench_accounts",
} as const
