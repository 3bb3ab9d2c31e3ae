import { describeSweep } from '../support/faults/describe-sweep.ts'
import { families } from '../support/faults/families.ts'
import { createLane } from '../support/faults/lane.ts'

describeSweep('a worker lost at each moment', families, { count: 4, create: createLane })
