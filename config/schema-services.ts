/** A service as people write it. */
import { z } from 'zod'
import { absolutePath, commandWords, composeName, hostAndPort, nameText, positiveDuration, unitName, userName, webAddress } from './schema-values.ts'

const health = z
  .strictObject({
    http: webAddress.optional().meta({ description: 'Healthy when this address answers.', examples: ['http://127.0.0.1:8080/health'] }),
    expectStatus: z
      .int()
      .min(100)
      .max(599)
      .optional()
      .meta({ description: 'The HTTP status that is healthy. 200, unless configured.', examples: [204] }),
    tcp: hostAndPort.optional().meta({ description: 'Healthy when this host and port accept a connection.', examples: ['127.0.0.1:5672'] }),
    command: commandWords.optional().meta({ description: 'Healthy when this command exits with 0.', examples: [['/usr/local/bin/api-ready']] }),
  })
  .superRefine((check, context) => {
    const ways = [check.http, check.tcp, check.command].filter((way) => way !== undefined).length
    if (ways !== 1) context.addIssue({ code: 'custom', message: 'needs exactly one of http, tcp and command' })
    else if (check.expectStatus !== undefined && check.http === undefined) {
      context.addIssue({ code: 'custom', path: ['expectStatus'], message: 'belongs to http' })
    }
  })

const serviceCommon = {
  host: nameText.optional().meta({
    description: 'The host it runs on. The only host; to be written where there are several.',
    examples: ['app1'],
  }),
  health: health.optional().meta({ description: 'How it is seen to be healthy. Running is healthy, unless configured.' }),
  stopTimeout: positiveDuration.default('60s').meta({ description: 'How long it may take to stop.', examples: ['30s'] }),
  startTimeout: positiveDuration.default('60s').meta({ description: 'How long it may take to start and become healthy.', examples: ['2m'] }),
  runAs: userName.optional().meta({
    description: "Operating-system user that runs the commands. The agent's own, unless configured.",
    examples: ['shop'],
  }),
}

export const service = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('systemd').meta({ description: 'A unit of systemd.' }),
      unit: unitName.meta({ description: 'The unit.', examples: ['shop-api'] }),
      ...serviceCommon,
    })
    .meta({ title: 'systemd' }),
  z
    .strictObject({
      type: z.literal('compose').meta({ description: 'A service of a compose project, by docker compose.' }),
      file: absolutePath.meta({ description: 'The compose file.', examples: ['/srv/shop/compose.yml'] }),
      project: nameText.optional().meta({ description: 'The project. What compose takes from the file, unless configured.', examples: ['shop'] }),
      service: composeName.meta({ description: 'The service in it. What it depends on is a service of its own here.', examples: ['api'] }),
      ...serviceCommon,
    })
    .meta({ title: 'compose' }),
  z
    .strictObject({
      type: z.literal('command').meta({ description: 'Controlled by commands of yours.' }),
      start: commandWords.meta({
        description: 'Starts it; one word per item, never a shell line.',
        examples: [['/usr/local/bin/api', 'start']],
      }),
      stop: commandWords.meta({ description: 'Stops it.', examples: [['/usr/local/bin/api', 'stop']] }),
      status: commandWords.meta({
        description: 'Exits with 0 when it runs.',
        examples: [['/usr/local/bin/api', 'status']],
      }),
      ...serviceCommon,
    })
    .meta({ title: 'command' }),
])
