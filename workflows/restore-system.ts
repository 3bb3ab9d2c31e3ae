/** Restores a system to the newest reachable moment, to the end of a backup, or brings a safety set back. Steps: restore/run-restore.ts. */
import { restoreSystemMessage } from './messages.ts'
import { procedure } from './procedure.ts'
import { runRestore } from './restore/run-restore.ts'

export const restoreSystem = procedure('restoreSystem', restoreSystemMessage, (input) =>
  runRestore('restoreSystem', input, {
    target: input.backup === undefined ? { kind: 'latest' } : { kind: 'backup', backup: input.backup },
    incarnation: null,
    back: input.back ?? null,
  }),
)
