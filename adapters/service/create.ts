/** The adapter of a configured service. One line per type. */
import type { ServiceConfig } from '../../domain/config.ts'
import { createCommandService } from './command.ts'
import type { ServiceAdapter } from './service.ts'
import { createSystemdService } from './systemd.ts'

export interface ServiceOptions {
  /** The `systemctl` to run; MUSTER_SYSTEMCTL, else the one on PATH. */
  readonly systemctl?: string
}

/** Nothing is run before a method is called. */
export function createService(config: ServiceConfig, options: ServiceOptions = {}): ServiceAdapter {
  const { control } = config
  if (control.type === 'command') return createCommandService(config, control)
  return createSystemdService(config, control, options.systemctl ?? (process.env['MUSTER_SYSTEMCTL'] || 'systemctl'))
}
