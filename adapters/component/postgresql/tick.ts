/** A tick: a commit that changes nothing, so that an idle database can be recovered to now. */
import { parseLsn } from '../../../domain/wal.ts'
import type { Lsn } from '../../../domain/wal.ts'
import { withConnection } from './connection.ts'
import type { PostgresqlInstance } from './instance.ts'

/**
 * Commits an empty message (104 bytes of WAL, no table, no extension) and answers with an LSN at or
 * after its end; null where the server takes no writes. Waits for no standby.
 */
export function emitTick(instance: PostgresqlInstance): Promise<Lsn | null> {
  return withConnection(instance, async (client) => {
    const { rows } = await client.query<{ closed: boolean }>("select pg_is_in_recovery() or current_setting('transaction_read_only')::bool as closed")
    if (rows[0]?.closed !== false) return null
    await client.query("set synchronous_commit = local; set statement_timeout = '5s'")
    await client.query("select pg_logical_emit_message(true, 'muster', 'tick')")
    const after = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn')
    return parseLsn(after.rows[0]?.lsn as string)
  })
}
