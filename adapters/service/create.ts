/** The adapter of a configured service. One line per type. */
import type { ServiceConfig } from '../../domain/config.ts'
import { createCommandService } from './command.ts'
import { createComposeService } from './compose.ts'
import type { ServiceAdapter } from './service.ts'
import { createSystemdService } from './systemd.ts'

export interface ServiceOptions {
  /** The `systemctl` to run; MUSTER_SYSTEMCTL, else the one on PATH. */
  readonly systemctl?: string
  /** The `docker` to run; MUSTER_DOCKER, else the one on PATH. */
  readonly docker?: string
}

/** Nothing is run before a method is called. */
export function createService(config: ServiceConfig, options: ServiceOptions = {}): ServiceAdapter {
  const { control } = config
  if (control.type === 'command') return createCommandService(config, control)
  if (control.type === 'compose') return createComposeService(config, control, options.docker ?? (process.env['MUSTER_DOCKER'] || 'docker'))
  return createSystemdService(config, control, options.systemctl ?? (process.env['MUSTER_SYSTEMCTL'] || 'systemctl'))
}
