/** One component as written → as it counts. */
import type { ComponentConfig, PostgresqlServerControl, TreeRestoreConfig } from '../domain/config.ts'
import { parseDuration, parseSize } from '../domain/durations.ts'
import { defined } from './defined.ts'
import { isYes, plainPath } from './normalise-values.ts'
import type { WrittenComponent } from './schema.ts'
import type { WrittenTreeRestore } from './schema-tree-restore.ts'

export function normaliseComponent(written: WrittenComponent, host: string, everyStore: readonly string[]): ComponentConfig {
  const stores = written.stores ?? everyStore
  return written.type === 'files' ? filesComponent(written, host, stores) : postgresqlComponent(written, host, stores)
}

function filesComponent(written: Extract<WrittenComponent, { type: 'files' }>, host: string, stores: readonly string[]): ComponentConfig {
  return defined({
    type: written.type,
    host,
    stores,
    paths: written.paths.map(plainPath),
    exclude: written.exclude,
    allowUnreadable: written.allowUnreadable,
    allowEmpty: isYes(written.allowEmpty),
    follows: written.follows,
    runAs: written.runAs,
    restore: treeRestore(written.restore),
  })
}

/** Only what is written: without rules a configuration stays the text that it was before there were any. */
function treeRestore({ here, elsewhere, never, neverDefaults, substitute, after }: WrittenTreeRestore): TreeRestoreConfig {
  return defined({
    after,
    here: here === 'all' ? undefined : here,
    elsewhere: elsewhere === 'all' ? undefined : elsewhere,
    never: never.length === 0 ? undefined : never,
    neverDefaults: isYes(neverDefaults) ? undefined : false,
    substitute: substitute.length === 0 ? undefined : substitute,
  })
}

function postgresqlComponent(written: Extract<WrittenComponent, { type: 'postgresql' }>, host: string, stores: readonly string[]): ComponentConfig {
  const { server, wal, maxRatePerSecond } = written
  return defined({
    type: written.type,
    host,
    stores,
    dataDirectory: plainPath(written.dataDirectory),
    connection: defined({ ...written.connection, host: plainHost(written.connection.host) }),
    binDirectory: written.binDirectory === undefined ? undefined : plainPath(written.binDirectory),
    runAs: written.runAs,
    server: normaliseServer(server),
    checkpoint: written.checkpoint,
    maxRateKbPerSecond: maxRatePerSecond === undefined ? undefined : Math.floor(parseSize(maxRatePerSecond) / 1024),
    wal: defined({
      from: wal.from,
      shipEverySeconds: parseDuration(wal.shipEvery),
      every: wal.every.trim(),
      whenStoresAreOut: wal.whenStoresAreOut,
      reserveBytes: wal.reserve === undefined ? undefined : parseSize(wal.reserve),
    }),
    checks: written.checks.map(({ maxAge, ...check }) => defined({ ...check, maxAgeSeconds: maxAge === undefined ? undefined : parseDuration(maxAge) })),
  })
}

export function normaliseServer(written: Extract<WrittenComponent, { type: 'postgresql' }>['server']): PostgresqlServerControl {
  return written.control === 'pg_ctl' ? defined({ ...written, logFile: written.logFile && plainPath(written.logFile) }) : written
}

export function plainHost(host: string): string {
  return host.startsWith('/') ? plainPath(host) : host
}
