import { describeSweep } from '../support/faults/describe-sweep.ts'
import { createMoveLane } from '../support/faults/move-lane.ts'
import { movesOfTheOldSide } from '../support/faults/moves-old-side.ts'
import { moves } from '../support/faults/moves.ts'

describeSweep('the worker of the other site lost at each moment', moves, { count: 3, create: () => createMoveLane('away') })

describeSweep('the worker of the home site lost at each moment', movesOfTheOldSide, { count: 2, create: () => createMoveLane('home') })
