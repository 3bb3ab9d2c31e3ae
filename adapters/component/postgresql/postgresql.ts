/**
 * The `postgresql` component as the activities see it: base backups, restores, recovery in
 * quarantine, control of the server, and the WAL shipper of the host.
 */
import { readCollationLibraries } from './collation.ts'
import { assertRestorePrograms } from './restore-programs.ts'
import { runChecks } from './checks.ts'
import { proveOpen, startClosed } from './closed.ts'
import { inspectDataDirectory, linkedTablespaces, linkedWalDirectory } from './data-directory.ts'
import { startElsewhere } from './elsewhere.ts'
import { assertPortFree } from './free-port.ts'
import { awaitHeld } from './held.ts'
import { inspectServer } from './inspect.ts'
import { commitsAfter } from './later-commits.ts'
import { observeServer } from './observe.ts'
import { produceBaseBackup } from './produce.ts'
import { promoteHeld } from './promote.ts'
import { stopQuarantined } from './quarantined-server.ts'
import { startRecovery } from './recovery.ts'
import { quarantineIsolates, reachesOut } from './reaches-out.ts'
import { clearRecoverySettings } from './recovery-settings.ts'
import { createRestorePoint } from './restore-point.ts'
import { restoreBaseBackup } from './restore.ts'
import { takeInventory } from './inventory.ts'
import { loginRoles, setRolePassword } from './role-password.ts'
import { startServer, stopServer } from './server.ts'
import { shipperRequest } from './shipper-client.ts'
import { copyStoppedWal, endOfStoppedWal } from './stopped-wal.ts'
import { compressRange, decompressToFile } from './wal-compression.ts'
import { verifyPages } from './verify-pages.ts'
import { assertKeptOut, ownYoungTablespaces } from './young-tablespaces.ts'

export const postgresql = {
  assertKeptOut,
  assertPortFree,
  assertRestorePrograms,
  awaitHeld,
  clearRecoverySettings,
  commitsAfter,
  compressRange,
  copyStoppedWal,
  createRestorePoint,
  decompressToFile,
  endOfStoppedWal,
  inspectDataDirectory,
  inspectServer,
  linkedTablespaces,
  loginRoles,
  linkedWalDirectory,
  observeServer,
  ownYoungTablespaces,
  produceBaseBackup,
  promoteHeld,
  proveOpen,
  quarantineIsolates,
  reachesOut,
  readCollationLibraries,
  restoreBaseBackup,
  runChecks,
  setRolePassword,
  takeInventory,
  shipperRequest,
  startClosed,
  startElsewhere,
  startRecovery,
  startServer,
  stopQuarantined,
  stopServer,
  verifyPages,
} as const

export type PostgresqlPort = typeof postgresql
