/** A PostgreSQL component as people write it. */
import { z } from 'zod'
import { parseSize } from '../domain/durations.ts'
import { componentHost, componentStores } from './schema-component-common.ts'
import {
  absolutePath,
  commandWords,
  durationText,
  lineText,
  portNumber,
  positiveDuration,
  scheduleText,
  secretReference,
  serverHost,
  sizeText,
  unitName,
  userName,
} from './schema-values.ts'

export const connection = z.strictObject({
  host: serverHost
    .default('/var/run/postgresql')
    .meta({ description: 'A socket directory (absolute path) or a host name.', examples: ['/var/run/postgresql'] }),
  port: portNumber.default(5432).meta({ description: 'Port of the server.', examples: [5433] }),
  user: lineText.default('postgres').meta({ description: 'Role with LOGIN, REPLICATION and pg_monitor.', examples: ['muster'] }),
  database: lineText.default('postgres').meta({ description: 'Database to connect to.', examples: ['shop'] }),
  password: secretReference.optional().meta({ description: 'Where the password is, if one is needed.', examples: ['env:MUSTER_PG_PASSWORD'] }),
})

export const server = z.discriminatedUnion('control', [
  z
    .strictObject({
      control: z.literal('pg_ctl').meta({ description: 'Started and stopped by pg_ctl.' }),
      options: z
        .array(lineText)
        .default([])
        .meta({
          description: 'Options of the server, one word per item.',
          examples: [['-c', 'config_file=/etc/postgresql/15/main/postgresql.conf']],
        }),
      logFile: absolutePath.optional().meta({
        description: 'File that receives what the server prints.',
        examples: ['/var/log/postgresql/main.log'],
      }),
    })
    .meta({ title: 'pg_ctl' }),
  z
    .strictObject({
      control: z.literal('systemd').meta({ description: 'Started and stopped by systemd.' }),
      unit: unitName.meta({ description: 'The unit.', examples: ['postgresql@15-main'] }),
    })
    .meta({ title: 'systemd' }),
  z
    .strictObject({
      control: z.literal('command').meta({ description: 'Started and stopped by commands of yours.' }),
      start: commandWords.meta({
        description: 'Starts the server; one word per item, never a shell line.',
        examples: [['/usr/local/bin/db', 'start']],
      }),
      stop: commandWords.meta({ description: 'Stops the server.', examples: [['/usr/local/bin/db', 'stop']] }),
    })
    .meta({ title: 'command' }),
])

const wal = z.strictObject({
  from: z.literal('streaming').default('streaming').meta({ description: 'How WAL is received.' }),
  shipEvery: positiveDuration.default('30s').meta({ description: 'Longest age of what is not in the stores: what is lost with the host.', examples: ['30s'] }),
  every: scheduleText.default('15m').meta({ description: 'How often archiveWal walks for gaps; a schedule in UTC.', examples: ['15m', 'hourly'] }),
  whenStoresAreOut: z
    .enum(['protectDatabase', 'protectRecovery'])
    .default('protectDatabase')
    .meta({
      description:
        'When WAL can go nowhere and space runs out: protectDatabase gives up the slots (a gap, then a full backup), protectRecovery keeps them (the database may stop).',
      examples: ['protectRecovery'],
    }),
  reserve: sizeText.optional().meta({
    description: 'Free space to keep where WAL and spool lie. The larger of 10 % and 5 GB, unless configured.',
    examples: ['20GB'],
  }),
})

const sqlCheck = z
  .strictObject({
    sql: z
      .string()
      .refine((text) => text.trim() !== '', { error: 'is empty' })
      .meta({
        description: 'A query with one row of one column; run read-only.',
        examples: ['select count(*) from orders'],
      }),
    database: lineText.optional().meta({ description: 'Database to run it in. That of the connection, unless configured.', examples: ['shop'] }),
    min: z
      .number()
      .optional()
      .meta({ description: 'Smallest good result.', examples: [1] }),
    max: z
      .number()
      .optional()
      .meta({ description: 'Largest good result.', examples: [1000000] }),
    maxAge: durationText.optional().meta({
      description: 'The result is a time that must be younger than this, measured at the recovery target.',
      examples: ['1h'],
    }),
  })
  .superRefine((check, context) => {
    const numeric = check.min !== undefined || check.max !== undefined
    if (!numeric && check.maxAge === undefined) context.addIssue({ code: 'custom', message: 'a check needs min, max or maxAge, else it cannot fail' })
    if (numeric && check.maxAge !== undefined) context.addIssue({ code: 'custom', message: 'a result is a number (min, max) or a time (maxAge), not both' })
    if (check.min !== undefined && check.max !== undefined && check.min > check.max) {
      context.addIssue({ code: 'custom', message: `min ${check.min} is larger than max ${check.max}` })
    }
  })

/** What `pg_basebackup --max-rate` takes. */
const transferRate = sizeText.superRefine((text, context) => {
  let kb: number
  try {
    kb = parseSize(text) / 1024
  } catch {
    return // already reported by sizeText
  }
  if (kb < 32 || kb > 1_048_576) context.addIssue({ code: 'custom', message: `"${text}" is out of range: 32KiB to 1GiB a second` })
})

export const postgresqlComponent = z
  .strictObject({
    type: z.literal('postgresql').meta({ description: 'A PostgreSQL server with all its databases.' }),
    host: componentHost,
    stores: componentStores,
    dataDirectory: absolutePath.meta({
      description: 'Data directory of the server.',
      examples: ['/var/lib/postgresql/15/main'],
    }),
    connection: connection.prefault({}).meta({ description: 'How the server is reached.' }),
    binDirectory: absolutePath.optional().meta({
      description: 'Directory of the PostgreSQL programs. Found from the version of the server, unless configured.',
      examples: ['/usr/lib/postgresql/15/bin'],
    }),
    runAs: userName.optional().meta({
      description: 'Operating-system user that runs the tools. The owner of the data directory when the agent runs as root, unless configured.',
      examples: ['postgres'],
    }),
    server: server.prefault({ control: 'pg_ctl' }).meta({ description: 'What starts and stops the server.' }),
    checkpoint: z
      .enum(['spread', 'fast'])
      .default('spread')
      .meta({
        description: 'Whether a backup waits for a gentle checkpoint or asks for one at once.',
        examples: ['fast'],
      }),
    maxRatePerSecond: transferRate.optional().meta({ description: 'Most that a backup reads per second. No limit, unless configured.', examples: ['50MB'] }),
    wal: wal.prefault({}).meta({ description: 'Continuous archiving.' }),
    checks: z.array(sqlCheck).default([]).meta({ description: 'What restored data must show before anyone is let in.' }),
  })
  .meta({ title: 'postgresql' })
