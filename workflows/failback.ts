/** Moves a system back to its home site: planned, both sites work, and nothing is lost. Steps: move/run-move.ts. */
import { moveMessage } from './messages.ts'
import { runMove } from './move/run-move.ts'
import { procedure } from './procedure.ts'

export const failback = procedure('failback', moveMessage, (input) => runMove('failback', input))
