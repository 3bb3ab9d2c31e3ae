/**
 * A recording stand-in for systemctl: an executable script with one directory per unit. It keeps their states
 * in files, writes down every call, and answers with the exit codes that systemctl documents.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type UnitState = 'active' | 'inactive' | 'failed' | 'activating' | 'deactivating'

/** What becomes of a unit when it is started or stopped, and the state in which it settles after `looks` looks. */
export interface UnitBehaviour {
  readonly state: UnitState
  /** Default: active. `failed` makes the start job itself fail; `denied` is a user without the right. */
  readonly onStart?: UnitState | 'denied'
  /** Default: inactive. */
  readonly onStop?: UnitState | 'denied'
  /** A changing state becomes this one after `looks` questions (default 2); without it, it never settles. */
  readonly settlesAs?: UnitState
  readonly looks?: number
  /** `Result` of the unit once it has failed; default exit-code. */
  readonly result?: string
  /** As `show` has it after `ExecStartPre=`. */
  readonly execStartPre?: string
}

export interface SystemctlStandIn {
  /** The program; give it as `systemctl` or in MUSTER_SYSTEMCTL. */
  readonly path: string
  setUnit(unit: string, behaviour: UnitBehaviour): Promise<void>
  state(unit: string): Promise<UnitState>
  /** The arguments of every call so far, oldest first. */
  calls(): Promise<string[][]>
  remove(): Promise<void>
}

export async function createSystemctlStandIn(): Promise<SystemctlStandIn> {
  const directory = await mkdtemp(join(tmpdir(), 'muster-systemctl-'))
  // A service may run as another user, and so may whoever asks for it.
  await chmod(directory, 0o755)
  const path = join(directory, 'systemctl')
  const fileOf = (unit: string, name: string) => join(directory, 'units', unit, name)
  await mkdir(join(directory, 'units'))
  await writeFile(path, script, { mode: 0o755 })
  return {
    path,
    async setUnit(unit, behaviour) {
      await rm(fileOf(unit, '.'), { recursive: true, force: true })
      await mkdir(fileOf(unit, '.'), { recursive: true })
      const { state, onStart = 'active', onStop = 'inactive', settlesAs = '', looks = 2, result = 'exit-code', execStartPre = '' } = behaviour
      const files = { state, onStart, onStop, settlesAs, looks: String(looks), result, execStartPre }
      for (const [name, text] of Object.entries(files)) await writeFile(fileOf(unit, name), `${text}\n`)
    },
    state: async (unit) => (await readFile(fileOf(unit, 'state'), 'utf8')).trim() as UnitState,
    async calls() {
      const text = await readFile(join(directory, 'calls'), 'utf8').catch(() => '')
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('\t').slice(0, -1))
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

const script = String.raw`#!/bin/sh
here=$(dirname "$0")
line=$(printf '%s\t' "$@")
printf '%s\n' "$line" >> "$here/calls"

verb='' unit='' properties=''
while [ $# -gt 0 ]; do
  case "$1" in
    --) ;;
    -p) properties=$2; shift ;;
    --property=*) properties=$(printf '%s' "$1" | cut -d= -f2) ;;
    -*) ;;
    *) if [ -z "$verb" ]; then verb=$1; else unit=$1; fi ;;
  esac
  shift
done
dir="$here/units/$unit"
known() { [ -n "$unit" ] && [ -d "$dir" ]; }
of() { cat "$dir/$1"; }
put() { printf '%s\n' "$2" > "$dir/$1"; }

# A changing unit settles after some questions.
settle() {
  case "$(of state)" in
    activating|deactivating)
      [ -n "$(of settlesAs)" ] || return 0
      left=$(of looks)
      if [ "$left" -le 0 ]; then put state "$(of settlesAs)"; else put looks $((left - 1)); fi ;;
  esac
}

job() {
  known || { echo "Failed to $verb $unit: Unit $unit not found." >&2; exit 5; }
  [ "$1" != denied ] || { echo "Failed to $verb $unit: Interactive authentication required." >&2; exit 1; }
  put state "$1"
}

case "$verb" in
  is-active)
    known || { echo inactive; exit 4; }
    settle
    of state
    [ "$(of state)" = active ] || exit 3 ;;
  show)
    state=inactive; result=success; load=not-found
    if known; then
      settle
      load=loaded
      state=$(of state)
      [ "$state" != failed ] || result=$(of result)
    fi
    case "$state" in
      active) sub=running ;; inactive) sub=dead ;; failed) sub=failed ;;
      activating) sub=start ;; *) sub=stop-sigterm ;;
    esac
    case ",$properties," in *,LoadState,*) echo "LoadState=$load" ;; esac
    case ",$properties," in *,ActiveState,*) echo "ActiveState=$state" ;; esac
    case ",$properties," in *,SubState,*) echo "SubState=$sub" ;; esac
    case ",$properties," in *,ExecStartPre,*) echo "ExecStartPre=$(of execStartPre)" ;; esac
    case ",$properties," in *,Result,*) echo "Result=$result" ;; esac ;;
  start)
    if known; then job "$(of onStart)"; else job; fi
    if [ "$(of state)" = failed ]; then
      echo "Job for $unit failed because the control process exited with error code." >&2
      exit 1
    fi ;;
  stop)
    if known; then job "$(of onStop)"; else job; fi ;;
  *)
    echo "Unknown command verb $verb." >&2
    exit 1 ;;
esac
`
