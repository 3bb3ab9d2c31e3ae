/** The connection to Temporal, from Temporal's own environment configuration (TEMPORAL_ADDRESS, profiles, TLS, API key). */
import { Client, Connection } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { MusterError } from '../domain/failures.ts'

export interface TemporalAddress {
  readonly address: string
  readonly namespace: string
}

export function connectConfig() {
  const { connectionOptions, namespace } = loadClientConnectConfig()
  return { connectionOptions, namespace: namespace ?? 'default' }
}

/** @throws MusterError TemporalUnreachable naming the address */
export async function connectTemporal(timeoutSeconds = 5): Promise<Client> {
  const { connectionOptions, namespace } = connectConfig()
  const connection = Connection.lazy({ ...connectionOptions, connectTimeout: timeoutSeconds * 1000 })
  try {
    await connection.ensureConnected()
    return new Client({ connection, namespace })
  } catch (error) {
    // Left open it would go on trying, and keep this process until a machine that says nothing is given up.
    await connection.close()
    throw new MusterError('TemporalUnreachable', `Temporal does not answer at ${connectionOptions.address ?? '127.0.0.1:7233'}`, { cause: error })
  }
}
