/**
 * A server that can reach nothing and that nothing can reach: no TCP listener, a private socket, no archiving, no
 * replication workers, none of the commands and libraries that its own configuration names. Everything is given on
 * the command line, which beats both configuration files and cannot be undone by a reload.
 */
import { MusterError } from '../../../domain/failures.ts'

export interface Quarantine {
  /** The data directory of the restored copy. */
  readonly directory: string
  /** Private 0700 directory of the tools' user for socket, host-based access file and notes; made where missing. */
  readonly socketDirectory: string
  /** Part of the socket's name only. */
  readonly port: number
  /** Grows over several starts; each start notes where its part begins. */
  readonly logFile: string
}

/** `recovery`: read-only outside an explicit read-write transaction. `closed`: as the service will be, but unreachable. */
export type QuarantineMode = 'recovery' | 'closed'

/** The value of `cluster_name` by which a quarantined server is known, in `ps` and in SQL. */
export const quarantineClusterName = 'muster quarantine'

/** Named so that it is recognised where a server was started with it. */
export const hbaFileName = 'muster-hba.conf'

/** What every quarantined server is started with, beside its place and its least settings. */
export const isolation: Readonly<Record<string, string>> = {
  listen_addresses: '',
  archive_mode: 'off',
  archive_command: '',
  archive_library: '',
  archive_cleanup_command: '',
  recovery_end_command: '',
  recovery_min_apply_delay: '0',
  synchronous_standby_names: '',
  primary_conninfo: '',
  primary_slot_name: '',
  max_logical_replication_workers: '0',
  local_preload_libraries: '',
  session_preload_libraries: '',
  external_pid_file: '',
  ssl: 'off',
  unix_socket_permissions: '0700',
  unix_socket_group: '',
  hot_standby: 'on',
  wal_retrieve_retry_interval: '200ms',
  // What happened is read from the log: it has to be in one file, in one language and one time zone.
  logging_collector: 'off',
  log_destination: 'stderr',
  log_min_messages: 'warning',
  log_error_verbosity: 'default',
  log_line_prefix: '%m [%p] ',
  log_timezone: 'UTC',
  lc_messages: 'C',
  cluster_name: quarantineClusterName,
}

export interface QuarantineSettings {
  readonly mode: QuarantineMode
  /** Libraries the database cannot do without; none by default. */
  readonly preload: readonly string[]
  readonly leastSettings: Readonly<Record<string, string>>
  readonly configFile: string
  readonly hbaFile: string
}

/** Arguments of `postgres`. */
export function quarantineArguments(quarantine: Quarantine, settings: QuarantineSettings): string[] {
  const all: Record<string, string> = {
    ...isolation,
    ...settings.leastSettings,
    // Each of these could otherwise lead the copy's server to the files of the one it was copied from.
    data_directory: quarantine.directory,
    config_file: settings.configFile,
    hba_file: settings.hbaFile,
    // Not empty: the server would complain that it cannot write a file without a name.
    external_pid_file: `${quarantine.socketDirectory}/external.pid`,
    unix_socket_directories: quoteInList(quarantine.socketDirectory),
    port: String(quarantine.port),
    shared_preload_libraries: settings.preload.join(','),
    default_transaction_read_only: settings.mode === 'recovery' ? 'on' : 'off',
  }
  return ['-D', quarantine.directory, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

/** Host-based access of a quarantined server: whoever can enter the private directory may connect. */
export const hbaText = 'local all all trust\nlocal replication all trust\n'

const longestSocketPath = 107

/** @throws MusterError InvalidInput for a place that no server can listen at, or a library name that is none */
export function checkQuarantine(quarantine: Quarantine, preload: readonly string[]): void {
  const socket = `${quarantine.socketDirectory}/.s.PGSQL.${quarantine.port}`
  if (Buffer.byteLength(socket) > longestSocketPath) {
    throw new MusterError('InvalidInput', `the socket path ${socket} is longer than ${longestSocketPath} bytes`, {
      hint: 'choose a shorter directory',
    })
  }
  const unfit = [quarantine.directory, quarantine.socketDirectory, quarantine.logFile].find((path) => /[\0\n\r]/.test(path))
  if (unfit !== undefined) throw new MusterError('InvalidInput', `the path ${JSON.stringify(unfit)} has a line end in it`)
  const library = preload.find((name) => !/^[A-Za-z0-9_$./-]+$/.test(name))
  if (library !== undefined) throw new MusterError('InvalidInput', `"${library}" is not the name of a library`)
}

function quoteInList(path: string): string {
  return `"${path.replace(/"/g, '""')}"`
}
