/** Moves a system to its other site while both work: planned, and nothing is lost. Steps: move/run-move.ts. */
import { moveMessage } from './messages.ts'
import { runMove } from './move/run-move.ts'
import { procedure } from './procedure.ts'

export const switchover = procedure('switchover', moveMessage, (input) => runMove('switchover', input))
