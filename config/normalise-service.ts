/** One service as written → as it counts. */
import type { HealthCheck, ServiceConfig } from '../domain/config.ts'
import { parseDuration } from '../domain/durations.ts'
import { defined } from './defined.ts'
import type { WrittenService } from './schema.ts'

export function normaliseService(name: string, written: WrittenService, host: string): ServiceConfig {
  return defined({
    name,
    host,
    control: controlOf(written),
    health: written.health && healthCheck(written.health),
    stopTimeoutSeconds: parseDuration(written.stopTimeout),
    startTimeoutSeconds: parseDuration(written.startTimeout),
    runAs: written.runAs,
  })
}

function controlOf(written: WrittenService): ServiceConfig['control'] {
  switch (written.type) {
    case 'systemd':
      return { type: written.type, unit: written.unit }
    case 'compose':
      return defined({ type: written.type, file: written.file, project: written.project, service: written.service })
    case 'command':
      return { type: written.type, start: written.start, stop: written.stop, status: written.status }
  }
}

/** The schema has made sure that exactly one of the three is there. */
function healthCheck(written: NonNullable<WrittenService['health']>): HealthCheck {
  if (written.http !== undefined) return { http: written.http, expectStatus: written.expectStatus ?? 200 }
  if (written.tcp !== undefined) return { tcp: written.tcp }
  return { command: written.command ?? [] }
}
