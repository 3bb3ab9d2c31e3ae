/** Moves a system to its other site when the one where it is active may be lost. Steps: move/run-move.ts. */
import { moveMessage } from './messages.ts'
import { runMove } from './move/run-move.ts'
import { procedure } from './procedure.ts'

export const failover = procedure('failover', moveMessage, (input) => runMove('failover', input))
