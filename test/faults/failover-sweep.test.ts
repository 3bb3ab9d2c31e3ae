import { describeSweep } from '../support/faults/describe-sweep.ts'
import { createMoveLane } from '../support/faults/move-lane.ts'
import { moves } from '../support/faults/moves.ts'

describeSweep('the worker of the other site lost at each moment', moves, { count: 3, create: createMoveLane })
