/** One service as written → as it counts. */
import type { HealthCheck, ServiceConfig } from '../domain/config.ts'
import { parseDuration } from '../domain/durations.ts'
import { defined } from './defined.ts'
import type { WrittenService } from './schema.ts'

export function normaliseService(name: string, written: WrittenService, host: string): ServiceConfig {
  return defined({
    name,
    host,
    control:
      written.type === 'systemd'
        ? { type: written.type, unit: written.unit }
        : { type: written.type, start: written.start, stop: written.stop, status: written.status },
    health: written.health && healthCheck(written.health),
    stopTimeoutSeconds: parseDuration(written.stopTimeout),
    startTimeoutSeconds: parseDuration(written.startTimeout),
    runAs: written.runAs,
  })
}

/** The schema has made sure that exactly one of the three is there. */
function healthCheck(written: NonNullable<WrittenService['health']>): HealthCheck {
  if (written.http !== undefined) return { http: written.http, expectStatus: written.expectStatus ?? 200 }
  if (written.tcp !== undefined) return { tcp: written.tcp }
  return { command: written.command ?? [] }
}
