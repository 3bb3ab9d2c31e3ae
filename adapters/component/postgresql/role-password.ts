/** Giving a role of a closed server another password. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import pg from 'pg'
import { MusterError } from '../../../domain/failures.ts'
import { nameOf, type PostgresqlInstance } from './instance.ts'
import type { Quarantine } from './quarantine.ts'
import { withQuarantined } from './quarantined-connection.ts'

const iterations = 4096

/**
 * Sets it as a SCRAM-SHA-256 verifier that is made here, so that no log of the server can hold the password.
 * Idempotent: again, it sets a verifier of the same password.
 * @throws MusterError UnknownName (no such role), SecretMissing (empty, or not printable ASCII), as withConnection
 */
export async function setRolePassword(instance: PostgresqlInstance, at: Quarantine, role: string, password: string): Promise<void> {
  const verifier = scramVerifier(password)
  await withQuarantined(instance, at, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [role])
    if (rowCount === 0) throw new MusterError('UnknownName', `${nameOf(instance)} has no role "${role}" at the moment it was restored to`)
    await client.query(`alter role ${pg.escapeIdentifier(role)} password ${pg.escapeLiteral(verifier)}`)
  })
}

/** Roles that can log in with a password, and who may do everything; without those that are named. */
export async function loginRoles(instance: PostgresqlInstance, at: Quarantine, except: readonly string[]): Promise<readonly string[]> {
  return withQuarantined(instance, at, async (client) => {
    const { rows } = await client.query<{ rolname: string; rolsuper: boolean }>(
      'select rolname, rolsuper from pg_authid where rolcanlogin and rolpassword is not null and rolname <> all ($1) order by 1',
      [except],
    )
    return rows.map(({ rolname, rolsuper }) => (rolsuper ? `${rolname} (superuser)` : rolname))
  })
}

/** As RFC 5803 and pg_authid have it. Only printable ASCII: there, SASLprep changes nothing. */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  if (!/^[\x20-\x7e]+$/.test(password)) {
    throw new MusterError('SecretMissing', 'the new password is empty, or has other characters than printable ASCII', {
      hint: 'write another one; a line break at its end does not count',
    })
  }
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`
}
