/**
 * The `postgresql` component as the activities see it: base backups, restores, recovery in
 * quarantine, control of the server, and the WAL shipper of the host.
 */
import { runChecks } from './checks.ts'
import { proveOpen, startClosed } from './closed.ts'
import { inspectDataDirectory } from './data-directory.ts'
import { startElsewhere } from './elsewhere.ts'
import { awaitHeld } from './held.ts'
import { inspectServer } from './inspect.ts'
import { observeServer } from './observe.ts'
import { produceBaseBackup } from './produce.ts'
import { promoteHeld } from './promote.ts'
import { stopQuarantined } from './quarantined-server.ts'
import { startRecovery } from './recovery.ts'
import { clearRecoverySettings } from './recovery-settings.ts'
import { createRestorePoint } from './restore-point.ts'
import { restoreBaseBackup } from './restore.ts'
import { startServer, stopServer } from './server.ts'
import { shipperRequest } from './shipper-client.ts'
import { copyStoppedWal, endOfStoppedWal } from './stopped-wal.ts'
import { compressRange, decompressToFile } from './wal-compression.ts'

export const postgresql = {
  awaitHeld,
  clearRecoverySettings,
  compressRange,
  copyStoppedWal,
  createRestorePoint,
  decompressToFile,
  endOfStoppedWal,
  inspectDataDirectory,
  inspectServer,
  observeServer,
  produceBaseBackup,
  promoteHeld,
  proveOpen,
  restoreBaseBackup,
  runChecks,
  shipperRequest,
  startClosed,
  startElsewhere,
  startRecovery,
  startServer,
  stopQuarantined,
  stopServer,
} as const

export type PostgresqlPort = typeof postgresql
