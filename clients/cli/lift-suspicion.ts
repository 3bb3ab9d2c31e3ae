/** `muster scenario security-breach SYSTEM --lift RUN`: nothing came of it after all. */
import { MusterError } from '../../domain/failures.ts'
import type { Desk } from './desk.ts'
import { known } from './status.ts'

interface LiftOptions {
  readonly reason?: string
  readonly rebuilt?: boolean
}

export async function liftSuspicion(desk: Desk, system: string, run: string, { reason, rebuilt = false }: LiftOptions): Promise<void> {
  if (!reason) throw new MusterError('InvalidInput', '--lift needs --reason TEXT: how is it known that nobody was there?')
  const { config } = await desk.applied(null)
  known(config, system)
  const lifted = await desk.liftSuspicion(config, system, { run, reason, rebuilt })
  desk.out.result({ system, ...lifted, reason, rebuilt }, () => {
    if (lifted.others.length > 0) {
      desk.out.line(`${system}: the suspicion that ${lifted.run} noted of ${lifted.hosts.join(', ')} is lifted, and others are not: nothing counts again yet`)
      for (const other of lifted.others)
        desk.out.line(`  → muster scenario security-breach ${system} --lift ${other}${rebuilt ? ' --rebuilt' : ''} --reason TEXT`)
      return
    }
    desk.out.line(
      `${system}: ${lifted.hosts.join(', ')} no longer under suspicion; what they sign${rebuilt ? ' from now on' : ', and have signed,'} counts again, and they may serve`,
    )
    desk.out.line(`  nothing was started: start database and services there as their own manager does\n  → muster status ${system}`)
  })
}
