import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BaseBackupMessages } from '../../adapters/component/postgresql/base-backup-messages.ts'
import { parseControlData } from '../../adapters/component/postgresql/data-directory.ts'
import { clientProgramFailure } from '../../adapters/component/postgresql/database-failures.ts'
import { parseWalRange } from '../../adapters/component/postgresql/manifest-wal-range.ts'
import { parseProgramVersion } from '../../adapters/component/postgresql/programs.ts'
import { checkQuarantine, isolation, quarantineArguments } from '../../adapters/component/postgresql/quarantine.ts'
import { lastCommitIn, recoveryFailure } from '../../adapters/component/postgresql/recovery-log.ts'
import { clearRecoverySettings, recoveryBlock, restoreCommand, writeRecoverySettings } from '../../adapters/component/postgresql/recovery-settings.ts'
import { rewriteTablespaceMap } from '../../adapters/component/postgresql/tablespace-map.ts'
import { MusterError } from '../../domain/failures.ts'

describe('texts that PostgreSQL writes and reads', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'muster-texts-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('reads versions of programs', () => {
    assert.equal(parseProgramVersion('pg_ctl (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n'), 150_018)
    assert.equal(parseProgramVersion('postgres (PostgreSQL) 19beta1'), 190_000)
    assert.throws(() => parseProgramVersion('busybox'), { type: 'PreconditionFailed' })
  })

  it('takes the newer of the two timelines of pg_control', () => {
    const lines = [
      'Database system identifier:           7400000000000000001',
      'Database cluster state:               in archive recovery',
      'Latest checkpoint location:           0/3000028',
      "Latest checkpoint's REDO location:    0/3000000",
      "Latest checkpoint's TimeLineID:       1",
      'Time of latest checkpoint:            Sat Nov 21 02:00:00 2026',
      "Min recovery ending loc's timeline:   2",
      'Bytes per WAL segment:                16777216',
      'Data page checksum version:           1',
      'max_connections setting:              100',
      'max_worker_processes setting:         8',
      'max_wal_senders setting:              10',
      'max_prepared_xacts setting:           0',
      'max_locks_per_xact setting:           64',
    ]
    const facts = parseControlData(lines.join('\n'), '/data')
    assert.equal(facts.timelineId, 2)
    assert.deepEqual([facts.checkpointLsn, facts.redoLsn], ['0/3000028', '0/3000000'])
    assert.equal(facts.checkpointAt, '2026-11-21T02:00:00.000Z')
    assert.equal(facts.leastSettings['max_prepared_transactions'], '0')
    assert.throws(() => parseControlData(lines.slice(1).join('\n'), '/data'), {
      type: 'SourceUnreadable',
      message: /\/data/,
    })
  })

  it('finds the WAL of a backup at the end of its manifest, over more than one timeline', () => {
    const range = (timeline: number, start: string, end: string) => `{ "Timeline": ${timeline}, "Start-LSN": "${start}", "End-LSN": "${end}" }`
    const text = (ranges: string) => `{ "Path": "x" }],\n"WAL-Ranges": [\n${ranges}\n],\n"Manifest-Checksum": "0"}\n`
    assert.deepEqual(parseWalRange(text(range(1, '0/2000028', '0/2000100'))), {
      timelineId: 1,
      startLsn: '0/2000028',
      endLsn: '0/2000100',
    })
    const two = text(`${range(2, '0/9000000', '0/A000000')},\n${range(1, '0/2000028', '0/9000000')}`)
    assert.deepEqual(parseWalRange(two), { timelineId: 2, startLsn: '0/2000028', endLsn: '0/A000000' })
    assert.throws(() => parseWalRange('{}'), { type: 'ManifestInvalid' })
  })

  it('reads progress and damaged pages from pg_basebackup, in any language of the server', () => {
    const seen: (number | null)[] = []
    const messages = new BaseBackupMessages(({ doneBytes, totalBytes }) => seen.push(doneBytes, totalBytes))
    messages.take(' 1024/4096 kB (25%), 0/1 tablespace')
    assert.deepEqual(seen, [1024 * 1024, 4096 * 1024])
    const failed = new MusterError('CommandFailed', 'pg_basebackup failed with exit code 1')
    assert.equal(messages.failure(failed, 'kennel/database'), undefined)
    messages.take('WARNING:  Prüfsummen für Datei „./base/5/16384“ …')
    messages.take('pg_basebackup: error: checksum error occurred')
    const failure = messages.failure(failed, 'kennel/database')
    assert.equal(failure?.type, 'PageChecksum')
    assert.match(failure?.message ?? '', /base\/5\/16384/)
  })

  it('tells why a client program failed', () => {
    const type = (text: string) => clientProgramFailure(text, 'x', null)?.type
    assert.equal(type('FATAL:  the database system is starting up'), 'NotReadyYet')
    assert.equal(type('FATAL:  the database system is shutting down'), 'DatabaseDown')
    assert.equal(type('FATAL:  password authentication failed for user "m"'), 'CredentialsRejected')
    assert.equal(type('FATAL:  no pg_hba.conf entry for replication connection from host "[local]"'), 'CredentialsRejected')
    assert.equal(type('could not write to file "x": No space left on device'), 'DiskFull')
    assert.equal(type('something new'), undefined)
  })

  it('writes one target last and empties every other', () => {
    const block = recoveryBlock({
      walDirectory: '/wal',
      timelineId: 3,
      target: { kind: 'time', time: '2026-11-21T02:00:00.123456Z' },
    })
    const names = block.split('\n').filter((line) => line.includes('recovery_target_') && line.includes("''")).length
    assert.equal(names, 3)
    assert.match(block, /recovery_target_time = '2026-11-21 02:00:00.123456\+00'\n# /)
    assert.match(block, /recovery_target_timeline = '3'/)
    for (const target of [
      { kind: 'time', time: "2026'; drop" },
      { kind: 'time', time: '2026-13-01T00:00:00Z' },
      { kind: 'lsn', lsn: 'x' },
      { kind: 'name', name: 'a\nb' },
    ] as const) {
      assert.throws(() => recoveryBlock({ walDirectory: '/wal', timelineId: 1, target }), { type: 'InvalidInput' })
    }
    assert.throws(() => recoveryBlock({ walDirectory: '/wal', timelineId: Number.NaN, target: { kind: 'end' } }), {
      type: 'InvalidInput',
    })
  })

  it('answers 1 for a file that is proved absent, and at least 126 for all other trouble', () => {
    const wal = join(directory, "it's $(touch pwned) 100%f; wal")
    const answer = (file: string): number | null => {
      // What the server does: %f and %p are replaced, %% is a percent sign, then its shell runs it.
      const text = restoreCommand(wal).replace(/%([%fp])/g, (_all, letter: string) => ({ '%': '%', f: file, p: 'pg_wal/RECOVERYXLOG' })[letter] ?? '')
      return spawnSync('sh', ['-c', text], { cwd: directory }).status
    }
    mkdirSync(join(directory, 'pg_wal'))
    assert.equal(answer('000000010000000000000001'), 130)
    mkdirSync(wal)
    assert.equal(answer('000000010000000000000001'), 130)
    writeFileSync(join(wal, '.muster-wal'), '')
    assert.equal(answer('000000010000000000000001'), 1)
    writeFileSync(join(wal, '000000010000000000000001'), 'wal')
    assert.equal(answer('000000010000000000000001'), 0)
    assert.equal(readFileSync(join(directory, 'pg_wal', 'RECOVERYXLOG'), 'utf8'), 'wal')
    mkdirSync(join(wal, '000000010000000000000002'))
    assert.equal(answer('000000010000000000000002'), 130)
  })

  it('puts its settings after those of others and takes away only its own', async () => {
    const path = join(directory, 'postgresql.auto.conf')
    writeFileSync(path, "work_mem = '8MB'\nrecovery_target_time = '2001-01-01'")
    const order = { walDirectory: '/wal', timelineId: 1, target: { kind: 'end' } } as const
    await writeRecoverySettings(directory, order, undefined)
    await writeRecoverySettings(directory, { ...order, target: { kind: 'name', name: "it's" } }, undefined)
    const written = readFileSync(path, 'utf8')
    assert.equal(written.match(/restore_command/g)?.length, 1)
    assert.match(written, /recovery_target_name = 'it''s'/)
    assert.throws(() => readFileSync(join(directory, 'standby.signal')))
    assert.equal(readFileSync(join(directory, 'recovery.signal'), 'utf8'), '')
    await clearRecoverySettings(directory)
    await clearRecoverySettings(directory)
    assert.equal(readFileSync(path, 'utf8'), "work_mem = '8MB'\nrecovery_target_time = '2001-01-01'\n")
    assert.throws(() => readFileSync(join(directory, 'recovery.signal')))
  })

  it('says why a recovery ended', () => {
    const line = (text: string) => `2026-11-21 02:00:00.000 UTC [1] ${text}\n`
    const log =
      line('LOG:  last completed transaction was at log time 2026-11-21 01:59:59.123456+00') +
      line('FATAL:  the database system is starting up') +
      line('FATAL:  recovery ended before configured recovery target was reached')
    assert.equal(lastCommitIn(log), '2026-11-21T01:59:59.123Z')
    assert.match(recoveryFailure(log, '/d').message, /2026-11-21T01:59:59.123Z/)
    const type = (text: string) => recoveryFailure(line(text), '/d').type
    assert.equal(type('FATAL:  requested recovery stop point is before consistent recovery point'), 'RecoveryTargetUnreachable')
    assert.equal(type('FATAL:  could not restore file "47" from archive: child process exited with exit code 130'), 'SourceUnreadable')
    assert.equal(type('FATAL:  archive file "47" has wrong size: 5 instead of 16777216'), 'ChecksumMismatch')
    assert.equal(type('FATAL:  could not write to file "x": No space left on device'), 'DiskFull')
    assert.equal(type('PANIC:  could not locate a valid checkpoint record'), 'RestoreFailed')
    assert.equal(recoveryFailure('', '/d').type, 'RestoreFailed')
  })

  it('gives a quarantined server its own files and nothing of the original', () => {
    const quarantine = { directory: '/copy', socketDirectory: '/s "x", y', port: 1, logFile: '/log' }
    const settings = { preload: ['a'], leastSettings: {}, configFile: '/copy/postgresql.conf', hbaFile: '/s/hba' }
    const args = quarantineArguments(quarantine, { ...settings, mode: 'recovery' })
    for (const text of [
      'listen_addresses=',
      'archive_mode=off',
      'archive_command=',
      'recovery_end_command=',
      'primary_conninfo=',
      'data_directory=/copy',
      'external_pid_file=/s "x", y/external.pid',
      'max_logical_replication_workers=0',
      'shared_preload_libraries=a',
      'default_transaction_read_only=on',
      'unix_socket_directories="/s ""x"", y"',
    ]) {
      assert.ok(args.includes(text), text)
    }
    assert.ok(quarantineArguments(quarantine, { ...settings, mode: 'closed' }).includes('default_transaction_read_only=off'))
    assert.equal(isolation['listen_addresses'], '')
    assert.throws(() => checkQuarantine({ ...quarantine, socketDirectory: `/${'x'.repeat(100)}` }, []), {
      type: 'InvalidInput',
    })
    assert.throws(() => checkQuarantine(quarantine, ['a, b']), { type: 'InvalidInput' })
  })

  it('points every tablespace to its new place and refuses a map that names others', async () => {
    const path = join(directory, 'tablespace_map')
    writeFileSync(path, '16400 /old/one\n16401 /old/a\\\n16402 b\n')
    await rewriteTablespaceMap(directory, { 16400: '/new/one', 16401: '/new/back\\slash' }, undefined)
    assert.equal(readFileSync(path, 'utf8'), '16400 /new/one\n16401 /new/back\\\\slash\n')
    await assert.rejects(rewriteTablespaceMap(directory, { 16400: '/new/one' }, undefined), { type: 'ManifestInvalid' })
    rmSync(path)
    await rewriteTablespaceMap(directory, {}, undefined)
    await assert.rejects(rewriteTablespaceMap(directory, { 1: '/x' }, undefined), { type: 'ManifestInvalid' })
  })
})
