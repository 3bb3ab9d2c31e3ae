/** `probes` of a system as people write them, and as they count. */
import { z } from 'zod'
import type { ProbesConfig } from '../domain/config.ts'
import { parseDuration } from '../domain/durations.ts'
import { hostAndPort, nameText, positiveDuration, webAddress } from './schema-values.ts'

const check = z
  .strictObject({
    service: nameText.optional().meta({ description: 'The health check of this service, by http or tcp.', examples: ['api'] }),
    http: webAddress.optional().meta({ description: 'Reached when this address answers, as users call it.', examples: ['https://shop.example/health'] }),
    expectStatus: z
      .int()
      .min(100)
      .max(599)
      .optional()
      .meta({ description: 'The HTTP status that counts. 200, unless configured.', examples: [204] }),
    tcp: hostAndPort.optional().meta({ description: 'Reached when this host and port accept a connection.', examples: ['shop.example:443'] }),
  })
  .superRefine((written, context) => {
    const ways = [written.service, written.http, written.tcp].filter((way) => way !== undefined).length
    if (ways !== 1) context.addIssue({ code: 'custom', message: 'needs exactly one of service, http and tcp' })
    else if (written.expectStatus !== undefined && written.http === undefined)
      context.addIssue({ code: 'custom', path: ['expectStatus'], message: 'belongs to http' })
  })
  .meta({ description: 'What is asked from each vantage point.' })

export const probesSchema = z
  .strictObject({
    from: z
      .array(nameText)
      .min(2)
      .max(15)
      .meta({ description: 'Vantage points: hosts whose agents look, best at different sites.', examples: [['app2', 'dr1', 'office1']] }),
    every: positiveDuration.default('1m').meta({ description: 'How often they look.', examples: ['30s'] }),
    quorum: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'So many that do not reach it are a loss: more than half. The smallest majority, unless configured.', examples: [2] }),
    failures: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .meta({ description: 'So many times in a row, before anybody is told.', examples: [5] }),
    check,
  })
  .meta({ description: 'Whether users can reach it, seen from several places. Nobody looks, unless configured.' })

export type WrittenProbes = z.output<typeof probesSchema>

export function normaliseProbes({ from, every, quorum, failures, check: asked }: WrittenProbes): ProbesConfig {
  const { service, http, tcp } = asked
  return {
    from,
    everySeconds: parseDuration(every),
    quorum: quorum ?? Math.floor(from.length / 2) + 1,
    failures,
    check: service !== undefined ? { service } : http !== undefined ? { http, expectStatus: asked.expectStatus ?? 200 } : { tcp: tcp ?? '' },
  }
}
